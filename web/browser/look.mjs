// Looks at pages as people with different eyes, screens and settings do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Widths in pixels: 1280 at zoom 200 % and 400 % (WCAG 1.4.10), and a telephone.
const widths = [640, 400, 320];

async function serious(page, rules) {
  const { violations } = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) }), rules);
  return violations.filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
}

// look asks of each page (its name to its path) that axe finds nothing serious
// in light and in dark, that nothing needs scrolling sideways on a narrow
// screen or zoomed in, and that forced colours leave every drawing legible.
// Only here pages let a foreign script in: axe itself.
export async function look(hub, page, pages) {
  const found = [];
  for (const [name, path] of Object.entries(pages)) {
    const say = (what, list) => { for (const one of list) found.push(`${path}, ${what}: ${one}`); };
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
    await page.goto(path);
    assert.match(await page.title(), /\S+.* · azward$/, `${path} has no title`);
    await page.evaluate(axe);
    say("light", await serious(page));
    await hub.shot(page, `${name}-light`);
    await page.emulateMedia({ colorScheme: "dark" });
    say("dark", await serious(page, ["color-contrast", "link-in-text-block"])); // all that colours change
    await hub.shot(page, `${name}-dark`);
    await page.emulateMedia({ forcedColors: "active" });
    say("forced colours", await page.evaluate(() => {
      const canvas = document.createElement("span");
      canvas.className = "sr";
      document.body.append(canvas);
      const of = (color) => { canvas.style.cssText = `background: ${color}; forced-color-adjust: none`; return getComputedStyle(canvas).backgroundColor; };
      const [paper, ink] = [of("Canvas"), of("CanvasText")];
      canvas.remove();
      const wrong = [];
      for (const box of document.querySelectorAll("svg.way .box")) if (getComputedStyle(box).fill !== paper) wrong.push(`a box is filled ${getComputedStyle(box).fill} on ${paper}`);
      for (const text of document.querySelectorAll("svg.way text")) if (getComputedStyle(text).fill !== ink) wrong.push(`"${text.textContent}" is ${getComputedStyle(text).fill}`);
      for (const badge of document.querySelectorAll(".badge")) if (getComputedStyle(badge).borderStyle !== "solid") wrong.push(`the badge ${badge.textContent} has no border`);
      return [...new Set(wrong)];
    }));
    await hub.shot(page, `${name}-forced`);
    await page.emulateMedia({ forcedColors: "none" });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 });
      const [needs, has] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      if (needs > has) say(`${width} pixels wide`, [`needs ${needs} of ${has}`]);
      if (width !== 320) await hub.shot(page, `${name}-${width}`);
    }
  }
  assert.deepEqual(found, []);
}

// tabThrough goes once round a page by Tab: everything that takes the focus can
// be seen and shows that it has it, and nothing keeps it.
export async function tabThrough(page) {
  await page.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); });
  const seen = [];
  const most = 20 + await page.evaluate(() => document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]").length);
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      if (e.dataset.seen) return { again: true };
      e.dataset.seen = "1";
      const ring = (x) => x && getComputedStyle(x).outlineStyle !== "none" && parseFloat(getComputedStyle(x).outlineWidth) >= 2;
      const place = e.getBoundingClientRect();
      return {
        name: (e.getAttribute("aria-label") || e.textContent || e.name || e.id).trim().slice(0, 60),
        ring: ring(e) || ring(e.closest("label")),
        seen: place.width > 0 && place.height > 0 && place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth,
      };
    });
    if (!at || at.again) {
      await page.evaluate(() => { for (const e of document.querySelectorAll("[data-seen]")) delete e.dataset.seen; });
      return seen;
    }
    assert.ok(at.ring, `"${at.name}" does not show that it has the focus`);
    assert.ok(at.seen, `"${at.name}" has the focus and is not in sight`);
    seen.push(at.name);
  }
  assert.fail(`Tab does not come round: ${seen.slice(-5)}`);
}

// tabTo presses Tab until what has the focus matches.
export async function tabTo(page, text, most = 120) {
  for (let i = 0; i < most; i++) {
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      return e === document.body ? "" : e.getAttribute("aria-label") || (e.labels && e.labels[0] ? e.labels[0].textContent.trim() : e.textContent.trim()) || e.name;
    });
    if (text instanceof RegExp ? text.test(at) : at === text) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${text}`);
}
