// Starts a hub as somebody who tries azward would, and a browser. AZWARD names
// the binary, CHROMIUM the browser, SHOTS the folder for pictures; without it
// none are taken. Tests wait for conditions and never for time: the patience
// below is for a machine that has much else to do.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const password = "correct horse battery staple";
const binary = process.env.AZWARD ?? join(import.meta.dirname, "../../bin/azward");
const patience = 45_000; // milliseconds for one step

// until reads a process's output until it matches.
function until(child, pattern) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${2 * patience} ms:\n${text}`)), 2 * patience);
    const read = (chunk) => {
      text += chunk;
      const found = text.match(pattern);
      if (found) { clearTimeout(timer); resolve(found); }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => { clearTimeout(timer); reject(new Error(`it ended with ${code}:\n${text}`)); });
    child.on("error", reject);
  });
}

function stop(child, signal = "SIGINT") {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on("exit", resolve);
    child.kill(signal);
    setTimeout(() => child.kill("SIGKILL"), 12_000).unref();
  });
}

// start serves the demo's tenant, or with arguments an empty hub that has them.
export async function start(...args) {
  const data = mkdtempSync(join(tmpdir(), "azward-browser-"));
  const shots = process.env.SHOTS;
  if (shots) mkdirSync(shots, { recursive: true });
  const command = args.length ? ["serve", "--listen", "127.0.0.1:0", ...args] : ["demo"];
  const server = spawn(binary, ["--data", data, ...command], { stdio: "pipe" });
  const close = async () => {
    await stop(server);
    rmSync(data, { recursive: true, force: true });
  };
  let origin, code, browser;
  try {
    [, origin, code] = await until(server, /(http:\/\/[^/\s"]+)\/setup\?code=([\w-]+)/);
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], timeout: 2 * patience });
  } catch (error) {
    await close();
    throw error;
  }
  let state; // of a browser that is signed in as the administrator
  return {
    origin, browser, setup: `${origin}/setup?code=${code}`,
    // visit opens a window of its own. Whatever the browser complains of (a
    // blocked script, an error in one) is in faults.
    async visit(options = {}) {
      const context = await browser.newContext({ baseURL: origin, viewport: { width: 1280, height: 860 }, ...options });
      context.setDefaultTimeout(patience);
      const page = await context.newPage();
      page.faults = [];
      page.on("pageerror", (error) => page.faults.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.faults.push(message.text());
      });
      return page;
    },
    // leave closes a window in which nothing may have gone wrong.
    async leave(...pages) {
      for (const page of pages) {
        assert.deepEqual(page.faults, [], "the browser complains");
        await page.context().close();
      }
    },
    // administrator makes the first one by the one-time link.
    async administrator() {
      const page = await this.visit();
      await page.goto(this.setup);
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Make administrator" }).click();
      await page.waitForURL(origin + "/");
      state = await page.context().storageState();
      await this.leave(page);
    },
    // signIn gives a window of the administrator's; the first one types the
    // password, the others share its session.
    async signIn(options = {}) {
      if (state) return this.visit({ storageState: state, ...options });
      const page = await this.visit(options);
      await page.goto("/signin");
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.waitForURL(origin + "/");
      state = await page.context().storageState();
      return page;
    },
    // hold keeps scans waiting, as a scan of the command line does, until the
    // function that it gives is called.
    async hold() {
      const holder = spawn("flock", [join(data, "scan.lock"), "sh", "-c", "echo held; exec sleep 600"], { stdio: "pipe", detached: true });
      await until(holder, /held/);
      let held = true;
      return () => {
        if (held) process.kill(-holder.pid, "SIGKILL");
        held = false;
      };
    },
    async shot(page, name) {
      if (shots) await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
    },
    async close() {
      await browser.close();
      await close();
    },
  };
}
