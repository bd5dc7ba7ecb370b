import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { createRequire } from "node:module";
import { password, start } from "./hub.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let hub;

before(async () => { hub = await start(); }, { timeout: 120_000 });
after(async () => { await hub?.close(); });

const noFaults = (page) => assert.deepEqual(page.faults, [], "the browser complains");
const rows = (page) => page.locator("#list tbody tr");
const pages = {
  overview: "/", verdicts: "/verdicts", nothing: "/verdicts?q=nothing+like+it", scans: "/scans", account: "/settings", tokens: "/settings/tokens",
  users: "/settings/users", signin: "/settings/sign-in", advisories: "/settings/advisories", kept: "/settings/retention", audit: "/settings/audit", missing: "/nowhere",
};

test("the one-time link makes the first administrator, and works once", async () => {
  const page = await hub.visit();
  await page.goto("/");
  assert.match(page.url(), /\/setup$/, "without an administrator everything leads to the set-up");
  await hub.shot(page, "setup-without-link");
  await page.goto(hub.setup);
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("too short");
  await page.getByRole("button", { name: "Make administrator" }).click();
  assert.equal(await page.locator(":invalid").count(), 2, "the browser lets a short password through"); // the field and its form
  await page.getByLabel("Password").fill(password);
  await hub.shot(page, "setup");
  await page.getByRole("button", { name: "Make administrator" }).click();
  await page.waitForURL(hub.origin + "/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(hub.setup);
  assert.equal(await page.getByRole("button", { name: "Make administrator" }).count(), 0, "the link works twice");
  noFaults(page);
  await page.context().close();
});

test("sign-in says what is wrong, and goes on to where one wanted", async () => {
  const page = await hub.visit();
  await page.goto("/verdicts?result=unknown");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("wrong, but long enough");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("What to do:").waitFor();
  await hub.shot(page, "signin-wrong");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/verdicts?result=unknown");
  noFaults(page);
  await page.context().close();
});

test("the overview leads from findings to what is exploitable", async () => {
  const page = await hub.signIn();
  const stages = await page.locator(".funnel .stage b").allTextContents();
  assert.equal(stages.length, 4);
  const counts = stages.map((text) => Number(text.replaceAll(",", "")));
  assert.ok(counts.every((n, i) => i === 0 || n <= counts[i - 1]), `the funnel widens: ${counts}`);
  assert.ok(counts[3] > 0, "the demo has nothing exploitable");
  await page.getByText("az role assignment create").first().waitFor(); // what closes the gap
  await page.locator(".funnel a.stage").last().click();
  await page.waitForURL("**/verdicts?**");
  assert.equal(await rows(page).count(), counts[3], "the stage leads to another number of verdicts");
  noFaults(page);
  await page.context().close();
});

test("filters change the list and the address, and the way back undoes them", async () => {
  const page = await hub.signIn();
  await page.goto("/verdicts");
  const all = await rows(page).count();
  await page.getByLabel(/^exploitable/).check();
  await page.waitForURL(/result=exploitable/);
  const exploitable = await rows(page).count();
  assert.ok(exploitable > 0 && exploitable < all, `${exploitable} of ${all}`);
  for (const word of await rows(page).locator(".badge").allTextContents()) assert.equal(word, "exploitable");
  await page.getByRole("searchbox").fill("log4j");
  await page.getByRole("searchbox").press("Enter");
  await page.waitForURL(/q=log4j/);
  assert.equal(await rows(page).count(), 1);
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes("log4j"));
  await page.waitForFunction((n) => document.querySelectorAll("#list tbody tr").length === n, exploitable);
  await page.reload();
  assert.equal(await rows(page).count(), exploitable, "the address does not have the filters");
  await page.getByText("Save view").click();
  await page.getByLabel("Name").fill("open doors");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "open doors" }).waitFor();
  await page.getByRole("button", { name: "Remove view open doors" }).click();
  await page.getByText("is gone.").waitFor();
  noFaults(page);
  await page.context().close();
});

test("a verdict shows its path, facts, what would flip it, and can be taken along", async () => {
  const page = await hub.signIn();
  await page.goto("/verdicts?result=exploitable");
  await rows(page).first().getByRole("link").click();
  await page.waitForURL(/\/verdicts\/v-/);
  await page.getByRole("img", { name: /^internet to/ }).waitFor();
  const closed = page.locator(".cond:not([open])").first();
  await closed.locator("summary").first().click();
  for (const heading of ["Conditions", "What would close the way in", "What follows from a success", "History", "Other places"]) {
    await page.getByRole("heading", { name: heading }).waitFor();
  }
  await hub.shot(page, "verdict-light");
  await page.getByText("Export").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "JSON" }).click()]);
  assert.match(download.suggestedFilename(), /^v-[0-9a-f]{16}\.json$/);
  assert.equal(JSON.parse(readFileSync(await download.path(), "utf8")).result, "exploitable");
  noFaults(page);
  await page.context().close();
});

test("verdicts are dismissed together with a reason, and reopened", async () => {
  const page = await hub.signIn();
  await page.goto("/verdicts?result=not-exploitable");
  const before = await rows(page).count();
  assert.equal(await page.getByRole("button", { name: "Dismiss" }).isVisible(), false, "nothing is chosen");
  await rows(page).nth(0).getByRole("checkbox").check();
  await rows(page).nth(1).getByRole("checkbox").check();
  await page.getByText("2 chosen").waitFor();
  await page.getByLabel("Why can they stay?").fill("the cluster goes next week");
  await page.screenshot({ path: hub.shots + "/bulk.png" });
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.getByText("2 verdicts dismissed until").waitFor();
  assert.equal(await rows(page).count(), before - 2);
  await page.goto("/verdicts?dismissed=only");
  assert.equal(await rows(page).count(), 2);
  for (let left = 2; left > 0; left--) {
    await page.goto("/verdicts?dismissed=only");
    await rows(page).first().getByRole("link").click();
    await page.getByText("the cluster goes next week").waitFor();
    if (left === 2) await hub.shot(page, "verdict-dismissed");
    await page.getByRole("button", { name: "Reopen" }).click();
    await page.getByText("is open again").waitFor();
  }
  await page.goto("/settings/audit?action=verdict");
  assert.equal(await page.getByText("verdict.dismiss").count(), 2);
  assert.equal(await page.getByText("verdict.reopen").count(), 2);
  noFaults(page);
  await page.context().close();
});

test("a scan is followed live to its end", async () => {
  const page = await hub.signIn();
  await page.goto("/scans");
  await page.getByRole("button", { name: "Scan now" }).click();
  await page.waitForURL(/\/scans\/jobs\//);
  await page.getByRole("heading", { name: "Scan of contoso" }).waitFor();
  await hub.shot(page, "scan-under-way");
  await page.waitForFunction(() => !document.querySelector("[data-events]"), undefined, { timeout: 60_000 }); // it loads itself anew
  const state = await page.locator(".card .badge").first().textContent();
  assert.match(state, /complete|partial/);
  await hub.shot(page, "scan-ended");
  await page.goto("/scans");
  await page.locator("table tbody tr").first().getByRole("link").click();
  await page.getByText("Answers that needed them are unknown").waitFor();
  await hub.shot(page, "scan-partial");
  noFaults(page);
  await page.context().close();
});

test("the keyboard alone gets everywhere", async () => {
  const page = await hub.signIn();
  const focused = () => page.evaluate(() => document.activeElement === document.body ? "" : document.activeElement.textContent.trim() || document.activeElement.getAttribute("aria-label") || document.activeElement.name);
  const tabTo = async (text, most = 60) => {
    for (let i = 0; i < most; i++) {
      if ((await focused()) === text) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not lead to ${text}`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.goto("/");
  await tabTo("Verdicts");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, "solid", "what has the focus does not show it");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/verdicts");
  await page.keyboard.press("/");
  await page.keyboard.type("CVE-2021-44228");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=CVE/);
  await page.waitForFunction(() => [...document.querySelectorAll("#list tbody tr a")].every((a) => a.textContent.includes("44228")));
  assert.equal(await page.evaluate(() => document.activeElement.id), "q", "the focus is lost when the list changes");
  await tabTo("CVE-2021-44228", 40);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/verdicts\/v-/);
  await tabTo("Export");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByRole("link", { name: "Markdown" }).isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("link", { name: "Markdown" }).isVisible(), false);
  noFaults(page);
  await page.context().close();
});

test("without scripts everything is there all the same", async () => {
  const page = await hub.signIn({ javaScriptEnabled: false });
  await page.goto("/verdicts");
  await page.getByLabel(/^unknown/).check();
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/result=unknown/);
  assert.equal(await rows(page).count(), 1);
  assert.equal(await page.getByRole("button", { name: "Dismiss" }).isVisible(), true);
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByRole("button", { name: "As the system" }).click();
  await page.context().close();
});

test("users are invited, and a viewer only reads", async () => {
  const page = await hub.signIn();
  await page.goto("/settings/users");
  await page.getByLabel("Name").fill("vera");
  await page.getByRole("button", { name: "Make one-time link" }).click();
  const link = await page.locator(".flash code").textContent();
  await hub.shot(page, "invited");
  const other = await hub.visit();
  await other.goto(link);
  await other.getByLabel("Password").fill(password + " too");
  await other.getByRole("button", { name: "Set password" }).click();
  await other.waitForURL(hub.origin + "/");
  await other.goto("/verdicts");
  assert.equal(await other.getByRole("checkbox", { name: /^Choose/ }).count(), 0, "a viewer can choose rows");
  assert.equal((await other.goto("/settings/users")).status(), 403);
  await other.getByText("What to do:").waitFor();
  await hub.shot(other, "forbidden");
  noFaults(other);
  await other.context().close();
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`nothing serious keeps people out, ${colorScheme}`, { timeout: 120_000 }, async () => {
    // Only here the page lets a foreign script in: axe itself.
    const page = await hub.signIn({ colorScheme, bypassCSP: true });
    await page.goto("/verdicts?result=not-exploitable");
    const verdict = await rows(page).first().getByRole("link").getAttribute("href");
    const scan = await (async () => { await page.goto("/scans"); return page.locator("table tbody a").first().getAttribute("href"); })();
    const found = [];
    for (const [name, path] of Object.entries({ ...pages, verdict, scan })) {
      await page.goto(path);
      await hub.shot(page, `${name}-${colorScheme}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      for (const v of violations) {
        if (v.impact === "serious" || v.impact === "critical") found.push(`${path}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
      }
    }
    assert.deepEqual(found, []);
    await page.context().close();
  });
}

test("nothing is cut off on a narrow screen", async () => {
  const page = await hub.signIn({ viewport: { width: 390, height: 800 }, colorScheme: "dark" });
  await page.goto("/verdicts?result=exploitable");
  const verdict = await rows(page).first().getByRole("link").getAttribute("href");
  const wide = [];
  for (const [name, path] of Object.entries({ ...pages, verdict })) {
    await page.goto(path);
    await hub.shot(page, `${name}-narrow`);
    const [needs, has] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    if (needs > has) wide.push(`${path}: ${needs} of ${has} pixels`);
  }
  assert.deepEqual(wide, []);
  await page.context().close();
});
