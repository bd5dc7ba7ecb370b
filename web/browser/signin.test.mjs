// Passkeys, an organisation's issuer, and a hub in which nothing is yet.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./hub.mjs";
import { issuer } from "./issuer.mjs";
import { look } from "./look.mjs";

let hub, organisation;

before(async () => {
  organisation = await issuer();
  hub = await start("--oidc-issuer", organisation.url, "--oidc-client-id", "azward", "--oidc-label", "Contoso", "--oidc-role", "hub-operators=operator");
});
after(async () => { await hub?.close(); await organisation?.close(); });

// authenticator is one in the browser, with a finger always on it.
async function authenticator(page) {
  const to = await page.context().newCDPSession(page);
  await to.send("WebAuthn.enable");
  const { authenticatorId } = await to.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  return {
    credentials: async () => (await to.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    refuse: () => to.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false }),
    forget: () => to.send("WebAuthn.clearCredentials", { authenticatorId }),
  };
}

test("the first administrator has a passkey and no password", async () => {
  const page = await hub.visit();
  const keys = await authenticator(page);
  await page.goto(hub.setup);
  await page.getByLabel("Name").fill("ada");
  await page.getByRole("button", { name: "Use a passkey instead" }).click();
  await page.waitForURL(hub.origin + "/");
  assert.equal((await keys.credentials()).length, 1);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/signin**");
  await page.goto("/integrations");
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL("**/integrations"); // where one wanted to go
  await page.goto("/settings/audit");
  await page.getByText("passkey").first().waitFor();

  await page.goto("/settings");
  await page.getByLabel("Name of the passkey").fill("the other laptop");
  await keys.forget(); // an authenticator holds one passkey of a user here
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.locator(".list", { hasText: "the other laptop" }).waitFor();
  await hub.shot(page, "passkeys");
  await page.getByRole("button", { name: "Remove the other laptop" }).waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL("**/signin**");
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL(hub.origin + "/");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/signin**");
  await keys.forget();
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.locator("#main").getByText("The browser gave no passkey").waitFor();
  await hub.shot(page, "signin-no-passkey");
  await hub.leave(page);
});

test("an organisation's issuer signs its people in, with their roles", async () => {
  const page = await hub.visit();
  const go = async () => {
    await page.goto("/integrations");
    await page.getByRole("link", { name: "Continue with Contoso" }).click();
    await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  };
  await page.goto("/signin");
  await hub.shot(page, "signin-organisation");
  await go();
  await page.getByRole("link", { name: "I am grace" }).click();
  await page.waitForURL(hub.origin + "/integrations"); // where one wanted to go
  await page.getByText("grace", { exact: true }).waitFor();
  await page.locator(".me", { hasText: "operator" }).waitFor();
  await page.goto("/settings");
  await hub.shot(page, "account-organisation");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL("**/signin**");
  await go();
  await page.getByRole("link", { name: "I am olga" }).click(); // with no role
  await page.getByText("What to do:").waitFor();
  await hub.shot(page, "signin-no-role");
  await go();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByText("What to do:").waitFor();
  await hub.shot(page, "signin-denied");
  const forged = await page.goto("/signin/oidc/callback?code=1&state=somebody-elses");
  assert.ok(forged.status() >= 400 && forged.status() < 500, `a forged answer gives ${forged.status()}`);
  await page.getByText("What to do:").waitFor();
  await hub.leave(page);
});

test("a hub in which nothing is yet says what to do, for all eyes, screens and settings", async () => {
  const page = await hub.visit({ bypassCSP: true });
  await page.goto("/signin");
  await page.getByRole("link", { name: "Continue with Contoso" }).click();
  await page.getByRole("link", { name: "I am grace" }).click();
  await page.waitForURL(hub.origin + "/");
  await page.getByRole("link", { name: "Connect a tenant" }).first().click();
  await page.waitForURL("**/integrations");
  await page.getByRole("link", { name: "Connect a tenant" }).click();
  await page.waitForURL("**/integrations/azure/new");
  await look(hub, page, {
    "empty-overview": "/", "empty-verdicts": "/verdicts", "empty-estate": "/estate", "empty-registries": "/registries", "empty-integrations": "/integrations", "empty-scans": "/scans",
    "empty-advisories": "/settings/advisories", "account-issuer": "/settings", forbidden: "/settings/users",
  });
  await hub.leave(page);
  const outside = await hub.visit({ bypassCSP: true });
  await look(hub, outside, { "page-signin": "/signin", "page-setup": "/setup?code=gone" });
  await hub.leave(outside);
});
