// Starts a hub on the simulated tenant, as somebody who tries azward would, and
// a browser. AZWARD names the binary, CHROMIUM the browser, SHOTS the folder
// for pictures.
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const password = "correct horse battery staple";
const binary = process.env.AZWARD ?? join(import.meta.dirname, "../../bin/azward");

// until reads a process's output until it matches.
function until(child, pattern, seconds) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${seconds} s:\n${text}`)), seconds * 1000);
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

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on("exit", resolve);
    child.kill("SIGINT");
    setTimeout(() => child.kill("SIGKILL"), 12_000).unref();
  });
}

export async function start() {
  const data = mkdtempSync(join(tmpdir(), "azward-browser-"));
  const shots = process.env.SHOTS ?? join(tmpdir(), "azward-shots");
  mkdirSync(shots, { recursive: true });
  const demo = spawn(binary, ["--data", data, "demo"], { stdio: "pipe" });
  const close = async () => {
    await stop(demo);
    rmSync(data, { recursive: true, force: true });
  };
  let origin, code;
  try {
    [, origin, code] = await until(demo, /(http:\/\/[^/\s"]+)\/setup\?code=([\w-]+)/, 90);
  } catch (error) {
    await close();
    throw error;
  }
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  return {
    origin, shots, browser, setup: `${origin}/setup?code=${code}`,
    // visit opens a window of its own. Whatever the browser complains of (a
    // blocked script, an error in one) is in faults.
    async visit(options = {}) {
      const context = await browser.newContext({ baseURL: origin, viewport: { width: 1280, height: 860 }, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.faults = [];
      page.on("pageerror", (error) => page.faults.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.faults.push(message.text());
      });
      return page;
    },
    async signIn(options) {
      const page = await this.visit(options);
      await page.goto("/signin");
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.waitForURL(origin + "/");
      return page;
    },
    async shot(page, name) {
      await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
    },
    async close() {
      await browser.close();
      await close();
    },
  };
}
