// The main job on the simulated tenant: from the one-time link over verdicts
// and scans to users; with the mouse, with the keyboard alone, without scripts;
// and what every page of it looks like.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { password, start } from "./hub.mjs";
import { look, tabThrough, tabTo } from "./look.mjs";

let hub;

before(async () => { hub = await start(); });
after(async () => { await hub?.close(); });

const rows = (page) => page.locator("#list tbody tr");
const badge = (page) => page.locator(".card .badge").first();
const firstVerdict = async (page, result) => {
  await page.goto("/verdicts?dismissed=with&result=" + result);
  return rows(page).first().getByRole("link").getAttribute("href");
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
  await page.waitForURL("**/signin**");
  await page.goto(hub.setup);
  assert.equal(await page.getByRole("button", { name: "Make administrator" }).count(), 0, "the link works twice");
  await hub.leave(page);
});

test("sign-in says what is wrong, and goes on to where one wanted", async () => {
  const page = await hub.visit();
  await page.goto("/verdicts?result=unknown");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("wrong, but long enough");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("What to do:").waitFor();
  assert.equal(await page.locator(".problem .copy").count(), 0, "a sentence has a button that copies it");
  await hub.shot(page, "signin-wrong");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/verdicts?result=unknown");
  await hub.leave(page);
});

test("the overview leads from findings to what is exploitable", async () => {
  const page = await hub.signIn();
  await page.goto("/");
  const stages = await page.locator(".funnel .stage b").allTextContents();
  assert.equal(stages.length, 4);
  const counts = stages.map((text) => Number(text.replaceAll(",", "")));
  assert.ok(counts.every((n, i) => i === 0 || n <= counts[i - 1]), `the funnel widens: ${counts}`);
  assert.ok(counts[3] > 0, "the demo has nothing exploitable");
  await page.getByText("az role assignment create").first().waitFor(); // what closes the gap
  await page.getByText("the whole tenant").first().waitFor();
  await page.locator(".funnel a.stage").last().click();
  await page.waitForURL("**/verdicts?**");
  assert.equal(await rows(page).count(), counts[3], "the stage leads to another number of verdicts");
  await hub.leave(page);
});

test("filters change the list and the address, and the way back undoes them", async () => {
  const page = await hub.signIn();
  const settled = (n) => page.waitForFunction((n) => document.querySelectorAll("#list tbody tr").length === n, n);
  await page.goto("/verdicts");
  const all = await rows(page).count();
  await page.getByLabel(/^exploitable/).check();
  await page.waitForURL(/result=exploitable/);
  await page.waitForFunction((n) => document.querySelectorAll("#list tbody tr").length < n, all);
  const exploitable = await rows(page).count();
  assert.ok(exploitable > 0, "nothing is exploitable");
  for (const word of await rows(page).locator(".badge").allTextContents()) assert.equal(word, "exploitable");
  await page.getByRole("searchbox").fill("log4j");
  await page.getByRole("searchbox").press("Enter");
  await page.waitForURL(/q=log4j/);
  await settled(1);
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes("log4j"));
  await settled(exploitable);
  await page.reload();
  assert.equal(await rows(page).count(), exploitable, "the address does not have the filters");
  await page.getByText("Save view").click();
  await page.getByLabel("Name").fill("open doors");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "open doors" }).waitFor();
  await page.goto("/verdicts");
  await page.getByRole("link", { name: "open doors" }).click();
  await page.waitForURL(/result=exploitable/);
  await settled(exploitable);
  await page.getByRole("button", { name: "Remove view open doors" }).click();
  await page.getByText("is gone.").waitFor();
  await hub.leave(page);
});

test("a verdict shows its path, facts, what would flip it, and can be taken along", async () => {
  const page = await hub.signIn();
  await page.goto("/verdicts?result=exploitable");
  await rows(page).first().getByRole("link").click();
  await page.waitForURL(/\/verdicts\/v-/);
  await page.getByRole("img", { name: /^internet to/ }).waitFor();
  const closed = page.locator(".cond:not([open])").first();
  if (await closed.count()) await closed.locator("summary").first().click();
  for (const heading of ["Conditions", "What would close the way in", "What follows from a success", "History", "Other places"]) {
    await page.getByRole("heading", { name: heading }).waitFor();
  }
  const fact = page.locator(".cond[open] .fact details").first();
  await fact.locator("summary").click();
  assert.match(await fact.locator("pre").textContent(), /[{["]/, "the raw fragment is empty");
  await page.getByText("Export").click();
  for (const [format, name, says] of [["JSON", /^v-[0-9a-f]{16}\.json$/, /"result": ?"exploitable"/], ["Markdown", /\.md$/, /CVE-/], ["Page (HTML)", /\.html$/, /<svg/], ["Proof, to replay offline", /\.proof\.json$/, /conditions|evidence/i]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: format, exact: true }).click()]);
    assert.match(download.suggestedFilename(), name);
    assert.match(readFileSync(await download.path(), "utf8"), says);
  }
  await hub.leave(page);
});

test("a command is copied, and the button says so", async () => {
  const page = await hub.signIn({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto("/");
  const command = page.locator(".cmd", { hasText: "az role assignment create" }).first();
  await command.getByRole("button", { name: "Copy" }).click();
  await command.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await command.locator("code").textContent());
  await hub.leave(page);
});

test("verdicts are dismissed together with a reason, and reopened", async () => {
  const page = await hub.signIn();
  await page.goto("/verdicts?result=not-exploitable");
  const before = await rows(page).count();
  assert.equal(await page.getByRole("button", { name: "Dismiss" }).isVisible(), false, "nothing is chosen");
  await rows(page).nth(0).getByRole("checkbox").check();
  await rows(page).nth(1).getByRole("checkbox").check();
  await page.getByText("2 chosen").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await page.locator(".bulk :invalid").count(), 1, "no reason is asked for");
  await page.getByLabel("Why can they stay?").fill("the cluster goes next week");
  await hub.shot(page, "bulk");
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
  await hub.leave(page);
});

test("a scan is followed live to its end", async () => {
  const release = await hub.hold();
  try {
    const page = await hub.signIn({ reducedMotion: "no-preference" });
    await page.goto("/scans");
    await page.getByRole("button", { name: "Scan now" }).click();
    await page.waitForURL(/\/scans\/jobs\//);
    await page.getByRole("heading", { name: "Scan of contoso" }).waitFor();
    await page.locator('[data-field="stage"]', { hasText: "waiting" }).waitFor(); // told by an event
    assert.ok(await page.evaluate(() => document.getAnimations().length) > 0, "nothing moves while it runs");
    await page.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0, "something moves for those who want no motion");
    await hub.shot(page, "scan-waits");
    const other = await hub.signIn();
    await other.goto("/scans");
    await other.getByRole("heading", { name: "Under way" }).waitFor();
    await hub.shot(other, "scans-live");
    await hub.leave(other);
    release();
    await page.waitForFunction(() => document.querySelectorAll(".log")[0]?.textContent.includes("collect"));
    await page.waitForFunction(() => !document.querySelector("[data-events]")); // it loads itself anew
    assert.match(await badge(page).textContent(), /complete|partial/);
    await page.getByRole("heading", { name: "What came of it" }).waitFor();
    await hub.shot(page, "scan-ended");
    await page.goto("/scans");
    await page.locator("table tbody tr").first().getByRole("link").click();
    await page.getByText("Answers that needed them are unknown").waitFor(); // partial, and named so
    await hub.leave(page);
  } finally { release(); }
});

test("a scan is cancelled, and the verdicts before it stand", async () => {
  const release = await hub.hold();
  try {
    const page = await hub.signIn();
    await page.goto("/verdicts");
    const before = await rows(page).count();
    await page.goto("/scans");
    await page.getByRole("button", { name: "Scan now" }).click();
    await page.locator('[data-field="stage"]', { hasText: "waiting" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForFunction(() => !document.querySelector("[data-events]") && document.querySelector(".card .badge")?.textContent.trim() === "cancelled");
    await hub.shot(page, "scan-cancelled");
    await page.goto("/scans");
    await page.locator('[aria-labelledby="h-failed"]').getByText("cancelled").waitFor();
    await page.goto("/verdicts");
    assert.equal(await rows(page).count(), before);
    await hub.leave(page);
  } finally { release(); }
});

test("the keyboard alone does the whole job", async () => {
  const page = await hub.visit();
  const focused = () => page.evaluate(() => document.activeElement.id);
  await page.goto("/verdicts");
  assert.equal(await page.evaluate(() => document.activeElement.name), "name", "the first field waits for the name");
  await page.keyboard.type("ada");
  await tabTo(page, "Password");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/verdicts");
  await page.keyboard.press("Tab");
  await page.locator(".skip:focus").waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "main", "the link skips to nowhere");
  await page.keyboard.press("/");
  await page.keyboard.type("CVE-2021-44228");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=CVE/);
  await page.waitForFunction(() => [...document.querySelectorAll("#list tbody tr a")].every((a) => a.textContent.includes("44228")));
  assert.equal(await focused(), "q", "the focus is lost when the list changes");
  await tabTo(page, /^not exploitable/);
  await page.keyboard.press("Space");
  await page.waitForURL(/result=not-exploitable/);
  await page.waitForFunction(() => document.querySelector("#result-not-exploitable")?.checked);
  assert.equal(await focused(), "result-not-exploitable", "the focus is lost when a filter is chosen");
  await tabTo(page, /^Choose CVE/);
  await page.keyboard.press("Space");
  await page.getByText("1 chosen").waitFor();
  await tabTo(page, /^Why can they stay/);
  await page.keyboard.type("from the keyboard");
  await page.keyboard.press("Enter");
  await page.getByText("dismissed until").waitFor();
  await page.goto("/verdicts?dismissed=only");
  await tabTo(page, "CVE-2021-44228");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/verdicts\/v-/);
  await tabTo(page, "Export");
  await page.keyboard.press("Enter");
  assert.equal(await page.getByRole("link", { name: "Markdown" }).isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("link", { name: "Markdown" }).isVisible(), false);
  await tabTo(page, "Reopen");
  await page.keyboard.press("Enter");
  await page.getByText("is open again").waitFor();
  await page.goto("/scans");
  await tabTo(page, "Scan now");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/scans\/jobs\//);
  await page.waitForFunction(() => !document.querySelector("[data-events]"));
  await hub.leave(page);
});

test("Tab goes round every page, in sight, and is caught by nothing", async () => {
  const page = await hub.signIn();
  const verdict = await firstVerdict(page, "exploitable");
  for (const path of ["/", "/verdicts?result=exploitable", verdict, "/scans", "/settings", "/settings/users", "/integrations", "/integrations/azure/new", "/estate?q=storefront", "/registries"]) {
    await page.goto(path);
    const seen = await tabThrough(page);
    assert.equal(seen[0], "Skip to content", `${path} begins elsewhere`);
    assert.ok(seen.length > 12, `${path}: Tab goes to ${seen}`);
  }
  await hub.leave(page);
});

test("without scripts the whole job can be done all the same", async () => {
  const page = await hub.visit({ javaScriptEnabled: false });
  await page.goto("/verdicts");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/verdicts");
  await page.getByLabel(/^not exploitable/).check();
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/result=not-exploitable/);
  const before = await rows(page).count();
  await rows(page).first().getByRole("checkbox").check();
  await page.getByLabel("Why can they stay?").fill("without scripts");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.getByText("dismissed until").waitFor();
  assert.equal(await rows(page).count(), before - 1);
  await page.goto("/verdicts?dismissed=only");
  await rows(page).first().getByRole("link").click();
  await page.getByRole("button", { name: "Reopen" }).click();
  await page.getByText("is open again").waitFor();
  const release = await hub.hold();
  try {
    await page.goto("/scans");
    await page.getByRole("button", { name: "Scan now" }).click();
    await page.waitForURL(/\/scans\/jobs\//);
    await page.getByText("waiting").first().waitFor(); // the page loads itself anew
  } finally { release(); }
  await page.locator('[aria-labelledby="h-progress"] .badge', { hasText: /complete|partial/ }).waitFor(); // and anew, until it has ended
  await page.getByRole("heading", { name: "What came of it" }).waitFor();
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByRole("button", { name: "As the system" }).click();
  assert.equal(await page.locator("html[data-theme]").count(), 0);
  await hub.leave(page);
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
  await hub.leave(other, page);
});

test("a token is shown once", async () => {
  const page = await hub.signIn();
  await page.goto("/settings/tokens");
  await page.getByLabel("What it is for").fill("nightly export");
  await page.getByRole("button", { name: "Make token" }).click();
  const token = await page.locator(".flash code").textContent();
  assert.match(token, /^azw_/);
  await hub.shot(page, "token");
  await page.goto("/settings/tokens");
  await page.getByRole("cell", { name: /^nightly export/ }).waitFor();
  assert.ok(!(await page.content()).includes(token), "the token is shown again");
  await hub.leave(page);
});

test("every page: for all eyes, screens and settings", async () => {
  const page = await hub.signIn({ bypassCSP: true });
  await page.goto("/scans");
  const scan = await page.locator("table tbody a").first().getAttribute("href");
  const cancelled = await page.locator('[aria-labelledby="h-failed"] a').first().getAttribute("href");
  const first = async (path, css) => { await page.goto(path); return page.locator(css).first().getAttribute("href"); };
  const [rule, finding, framework] = [await first("/posture/rules", "tbody a"), await first("/posture/results", "tbody a"), await first("/posture", 'a[href^="/posture/framework"]')];
  await look(hub, page, {
    overview: "/", verdicts: "/verdicts", nothing: "/verdicts?q=nothing+like+it", scans: "/scans", scan, cancelled,
    exploitable: await firstVerdict(page, "exploitable"), unknown: await firstVerdict(page, "unknown"), blocked: await firstVerdict(page, "not-exploitable"),
    posture: "/posture", rules: "/posture/rules", "rules-of-item": "/posture/rules?framework=CIS+Azure+Foundations+6.0%3A+9.3.4", rule: "/posture/rules/exposure-storage-anonymous",
  results: "/posture/results?result=unknown", framework: "/posture/framework?name=CIS+Azure+Foundations+6.0", account: "/settings", tokens: "/settings/tokens", users: "/settings/users", signin: "/settings/sign-in", advisories: "/settings/advisories",
    kept: "/settings/retention", audit: "/settings/audit", missing: "/nowhere",
    posture: "/posture", "posture-rules": "/posture/rules", "posture-rule": rule, "posture-results": "/posture/results", "posture-finding": finding, "posture-framework": framework,
  });
  await hub.leave(page);
});
