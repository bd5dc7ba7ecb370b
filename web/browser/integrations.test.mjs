// Connecting a tenant with each of its errors, an administrator's consent at
// the simulated Entra, disconnecting; and the pages of estate and registries.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./hub.mjs";
import { look } from "./look.mjs";

const tenant = "3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713";
const apps = {
  reader: ["9d2e4b71-0c3f-4f6a-8e15-b7a2d90c4e58", "simulated-azward-secret"],
  expired: ["e8a15c02-6d94-47fb-b3c8-21f07d5e9a36", "simulated-expired-secret"],
  partner: ["c3b1d7a4-2f60-4e58-9a17-5d0e8b64f290", "simulated-partner-secret"],
};
let hub, cloud, failed;

before(async () => {
  hub = await start();
  await hub.administrator();
  const page = await hub.signIn();
  await page.goto("/integrations/connections/contoso");
  cloud = await page.getByLabel("File with the endpoints of another cloud").inputValue();
  await hub.leave(page);
});
after(async () => { await hub?.close(); });

// connect fills the form; fields override what would work.
async function connect(page, name, [client, secret], fields = {}) {
  await page.goto("/integrations");
  await page.getByRole("link", { name: "Add connection" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Tenant ID").fill(fields.tenant ?? tenant);
  await page.getByLabel("Client ID").fill(client);
  await page.locator("input[name=secret]").fill(secret);
  await page.getByText("Subscriptions and cloud").click();
  await page.getByLabel("File with the endpoints of another cloud").fill(cloud);
  await page.getByRole("button", { name: "Connect and test" }).click();
}

test("each error has its words, its cause and a command to copy", async () => {
  const page = await hub.signIn();
  await connect(page, "bad-guid", apps.reader, { tenant: "contoso" });
  await page.getByText("What to do:").waitFor();
  assert.equal(await page.getByLabel("Tenant ID").inputValue(), "contoso", "what was typed is lost");
  assert.equal(await page.locator("input[name=secret]").inputValue(), "", "the secret comes back");
  await page.getByText("It is not a GUID").waitFor();
  assert.equal(await page.locator(".problem .cmd").textContent(), "az account showCopy", "the command alone has a button");
  await hub.shot(page, "connect-bad-guid");
  for (const [name, app, cause, remedy, where] of [
    ["wrong-secret", [apps.reader[0], "not-the-secret"], /The client secret is wrong/, /az ad app credential reset/],
    ["expired-secret", apps.expired, /expired/i, /az ad app credential reset/],
    ["no-consent", apps.partner, /Nobody has consented/, /adminconsent\?client_id=/],
    ["no-such-tenant", apps.reader, /There is no such tenant/, /az account show --query tenantId/, { tenant: "11111111-2222-4333-8444-555555555555" }],
  ]) {
    await connect(page, name, app, where);
    await page.waitForURL(`**/${name}/test`);
    await page.getByText("something is missing").waitFor();
    await page.locator(".list", { hasText: cause }).first().waitFor();
    await page.locator(".list li", { hasText: remedy }).first().waitFor();
    await page.locator(".list .cmd", { hasText: remedy }).first().getByRole("button", { name: "Copy" }).waitFor();
    assert.ok(!(await page.content()).includes(app[1]), `${name}: the secret is in the page`);
    await hub.shot(page, `connect-${name}`);
  }
  await page.goto("/integrations/connections/contoso/test"); // 403 in one subscription
  await page.getByText("actions are missing, such as Microsoft.Network/").waitFor();
  await page.locator(".cmd", { hasText: /az role assignment create --assignee \S+ --role Reader --scope \/subscriptions\// }).first().getByRole("button", { name: "Copy" }).waitFor();
  await page.getByRole("link", { name: "Test" }).click();
  await page.waitForURL("**/contoso/test");
  await hub.leave(page);
});

test("a scan that fails says why, and what to do", async () => {
  const page = await hub.signIn();
  await connect(page, "fails", [apps.reader[0], "not-the-secret"]);
  await page.waitForURL("**/fails/test");
  await page.getByRole("button", { name: "Scan now" }).click();
  await page.waitForURL(/\/scans\/jobs\//);
  await page.waitForFunction(() => !document.querySelector("[data-events]"));
  await page.getByText("The client secret is wrong").first().waitFor();
  await page.getByText("What to do:").waitFor();
  failed = new URL(page.url()).pathname;
  await page.goto("/scans");
  await page.locator('[aria-labelledby="h-failed"]').getByText("fails").waitFor();
  await hub.shot(page, "scans-failed");
  await hub.leave(page);
});

test("a tenant is connected by an administrator's consent, which may be denied", async () => {
  const page = await hub.signIn({ ignoreHTTPSErrors: true });
  const ask = async (name) => {
    await page.goto("/integrations/azure/new?auth=consent");
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Client ID").fill(apps.partner[0]);
    await page.getByLabel("Client secret, or PEM").fill(apps.partner[1]);
    await page.getByText("Subscriptions and cloud").click();
    await page.getByLabel("File with the endpoints of another cloud").fill(cloud);
    await page.getByRole("button", { name: "Go on to consent" }).click();
    await page.getByRole("link", { name: "Continue to Microsoft" }).waitFor();
    await hub.shot(page, "consent");
    await page.getByRole("link", { name: "Continue to Microsoft" }).click();
    await page.getByRole("heading", { name: "Permissions requested" }).waitFor();
  };
  await ask("denied");
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByText("The administrator did not consent").waitFor();
  await hub.shot(page, "consent-denied");
  assert.equal((await page.goto("/integrations/connections/denied")).status(), 404, "it is there without consent");

  await ask("partner");
  const elsewhere = await hub.visit({ ignoreHTTPSErrors: true, storageState: { cookies: (await page.context().cookies()).filter((c) => !c.name.includes("consent")), origins: [] } });
  const foreign = await elsewhere.goto(await page.getByRole("link", { name: "Accept" }).evaluate((a) => a.href));
  assert.equal(foreign.status(), 403, "another browser takes the consent up");
  await elsewhere.getByText("What to do:").waitFor();
  await hub.shot(elsewhere, "consent-other-browser");
  await hub.leave(elsewhere);
  await page.getByRole("link", { name: "Accept" }).click();
  await page.waitForURL("**/integrations/connections/partner/test");
  await page.getByText("The tenant has consented").waitFor();
  await page.getByText(`az role assignment create --assignee ${apps.partner[0]} --role Reader`).first().waitFor();
  await hub.shot(page, "consent-role-missing");
  const back = "/integrations/azure/consent/callback?admin_consent=True&tenant=" + tenant;
  assert.equal((await page.goto(back + "&state=somebody-elses")).status(), 412);
  await page.getByText("What to do:").waitFor();
  await hub.shot(page, "consent-foreign-state");
  await hub.leave(page);
});

test("two browsers configure one connection, and the second is told", async () => {
  const one = await hub.signIn();
  const two = await hub.signIn();
  for (const page of [one, two]) await page.goto("/integrations/connections/contoso");
  const only = "6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10";
  await one.getByLabel("Subscriptions to read").fill(only);
  await one.getByRole("button", { name: "Save and test" }).click();
  await one.getByText("The connection is changed").waitFor();
  await two.getByLabel("Subscriptions to read").fill("0d9a7e34-52c1-4b8f-8f6d-7be2c1a05f21");
  await two.getByRole("button", { name: "Save and test" }).click();
  await two.getByText("Somebody changed it").waitFor();
  await hub.shot(two, "configure-conflict");
  await hub.leave(one, two);
});

test("disconnecting says what stops and what stays, without scripts too", async () => {
  const page = await hub.signIn({ javaScriptEnabled: false });
  await connect(page, "short-lived", apps.reader);
  await page.getByRole("link", { name: "Disconnect" }).click();
  await page.getByRole("heading", { name: "What stays" }).waitFor();
  await page.getByLabel("Type its name").fill("another");
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("What to do:").waitFor();
  await page.getByLabel("Type its name").fill("short-lived");
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("short-lived is disconnected").waitFor();
  assert.equal(await page.getByRole("link", { name: "short-lived", exact: true }).count(), 0);
  await hub.leave(page);
});

test("from a type to a resource, its path, and the map", async () => {
  const page = await hub.signIn();
  await page.goto("/estate");
  await page.getByRole("searchbox").fill("deployments/storefront");
  await page.getByRole("searchbox").press("Enter");
  await page.locator("tbody a").first().click();
  for (const heading of ["Reached from the internet?", "From how far away", "As it was read", "Neighbours", "History"]) {
    await page.getByRole("heading", { name: heading }).waitFor();
  }
  await page.getByRole("link", { name: "aks-prod" }).first().click();
  await page.getByRole("link", { name: "Map" }).click();
  await page.getByRole("heading", { name: "Map of cluster" }).waitFor();
  assert.ok(await page.locator("svg.way a").count() > 3);
  assert.ok((await page.locator("svg.way").textContent()).includes("▲"), "nothing is marked as reached");
  await hub.leave(page);
});

test("from a registry to an image and where it runs", async () => {
  const page = await hub.signIn();
  await page.goto("/registries");
  await page.locator("tbody a").first().click();
  await page.getByRole("link", { name: "shop/cart", exact: true }).click();
  await page.locator("ol.list > li").first().getByRole("link").first().click();
  for (const heading of ["Where it runs", "Findings", "Layers", "Packages"]) await page.getByRole("heading", { name: heading }).waitFor();
  await page.getByRole("heading", { name: "Where it runs" }).waitFor();
  await hub.leave(page);
});

test("every page: for all eyes, screens and settings", async () => {
  const page = await hub.signIn({ bypassCSP: true });
  const repository = "/registries/contosoacr.azurecr.io/repository?name=shop/storefront";
  const href = (locator) => locator.first().getAttribute("href");
  await page.goto("/estate");
  const [network, cluster] = [await href(page.getByRole("link", { name: "vnet-prod", exact: true })), await href(page.getByRole("link", { name: "aks-prod", exact: true }))];
  await page.goto(repository);
  const image = await href(page.locator("ol.list > li a"));
  await page.goto("/estate?q=deployments/storefront");
  const resource = await href(page.locator("tbody a"));
  await look(hub, page, {
    integrations: "/integrations", connect: "/integrations/azure/new", "connect-consent": "/integrations/azure/new?auth=consent", "connect-certificate": "/integrations/azure/new?auth=certificate",
    connection: "/integrations/connections/contoso", tested: "/integrations/connections/contoso/test", disconnect: "/integrations/connections/contoso/disconnect",
    estate: "/estate", "estate-search": "/estate?q=storefront", resource, "map-network": network, "map-cluster": cluster,
    registries: "/registries", registry: "/registries/contosoacr.azurecr.io", repository, image, failed,
  });
  await hub.leave(page);
});
