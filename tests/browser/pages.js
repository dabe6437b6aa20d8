// What scripts that look at pages from disk share: ways to look, what sounds, and how a page is laid out.
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const { pathToFileURL } = require("url");
const { chromium } = require("playwright-core");

const WAYS = {
  "desktop light": { viewport: { width: 1200, height: 900 }, colorScheme: "light" },
  "desktop dark": { viewport: { width: 1200, height: 900 }, colorScheme: "dark" },
  "phone light": { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true, isMobile: true },
  "phone dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true, isMobile: true },
};
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--mute-audio"];

// What sounds: [item, track, seconds, volume] of every player that is not paused.
const sounding = (page) => page.evaluate(() => [...document.querySelectorAll("audio")].filter((a) => !a.paused)
  .map((a) => [Number(a.closest(".item").dataset.item), Number(a.dataset.track), a.currentTime, a.volume]));

async function until(page, test) {
  await page.waitForFunction(test, null, { timeout: 20000, polling: 20 });
}

const MOVING = () => [...document.querySelectorAll("audio")].some((a) => !a.paused && a.currentTime > 0.4);

// The clock of what plays right before and right after a voice is pressed, in one go within the page.
const press = (page, item, voice) => page.evaluate(([index, name]) => {
  const at = () => [...document.querySelectorAll("audio")].filter((a) => !a.paused).map((a) => a.currentTime);
  const before = at();
  document.querySelector(`[data-item="${index}"] .voices [data-voice="${name}"]`).click();
  return [before, at()];
}, [item, voice]);

async function layout(page) {
  return page.evaluate(() => {
    const shown = (e) => e.offsetParent !== null || getComputedStyle(e).position === "fixed";
    const texts = [...document.querySelectorAll("p, h1, h2, blockquote, li, td, th, button, summary, span, small, b")]
      .filter((e) => shown(e) && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (e) => {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      return colour[3] === 0 && e.parentElement ? ground(e.parentElement) : colour;
    };
    const contrast = (e) => {
      const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    };
    const faint = texts.map((e) => [contrast(e), `${e.tagName} ${e.textContent.slice(0, 30)}`]).sort((a, b) => a[0] - b[0]);
    const wide = [...document.body.querySelectorAll("*")].filter((e) => shown(e) && !e.closest(".unseen")
      && e.getBoundingClientRect().right > innerWidth + 1).map((e) => `${e.tagName}.${e.className}`);
    const drag = [...document.querySelectorAll("*")].filter((e) => e.scrollWidth > e.clientWidth + 1
      && ["auto", "scroll"].includes(getComputedStyle(e).overflowX)).map((e) => e.tagName);
    const voices = [...document.querySelector(".item").querySelectorAll(".voices button")];
    const box = (e) => { const { left, right, height } = e.getBoundingClientRect(); return [left, right, height]; };
    return {
      width: innerWidth, scrollWidth: document.documentElement.scrollWidth, wide, drag, faintest: faint[0],
      paper: getComputedStyle(document.body).backgroundColor,
      voices: voices.map((e) => [e.dataset.voice, shown(e), ...box(e)]),
      unnamed: [...document.querySelectorAll("button, [role=slider], audio")]
        .filter((e) => !(e.getAttribute("aria-label") || e.textContent).trim()).length,
      curves: [...document.querySelectorAll(".item:first-child .melody path")].map((e) => [
        getComputedStyle(e).strokeDasharray !== "none", e.getAttribute("d").length > 20]),
      ink: getComputedStyle(document.querySelector(".ink")).maskImage.slice(0, 27),
      marks: [...document.querySelectorAll(".item:first-child .spectrum .scale span")].map((e) => e.textContent),
      times: [...document.querySelectorAll(".item:first-child .times span")].map((e) => e.textContent),
      key: [...document.querySelectorAll(".item:first-child .key span")].map((e) => e.textContent),
      notes: [...document.querySelectorAll(".item:first-child .melody .scale span")].map((e) => e.textContent),
    };
  });
}

// Opens a page in each of WAYS, in a profile of its own, and has acts (page, seen) look at it; prints what they saw.
async function everyWay([executable, file, folder], acts) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "listening-"));
  const found = {};
  try {
    for (const [name, way] of Object.entries(WAYS)) {
      const context = await chromium.launchPersistentContext(path.join(profile, name), { executablePath: executable,
        headless: true, args: FLAGS, permissions: ["clipboard-read", "clipboard-write"], ...way });
      found[name] = await look(context, file, name, folder, acts);
      await context.close();
    }
  } finally {
    fs.rmSync(profile, { recursive: true, force: true });
  }
  process.stdout.write(JSON.stringify(found));
}

async function look(context, file, name, folder, acts) {
  const page = await context.newPage();
  const seen = { troubles: [], requests: [] };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.troubles.push(message.text()); });
  page.on("pageerror", (error) => seen.troubles.push(error.message));
  page.on("request", (request) => seen.requests.push(request.url().slice(0, 200)));
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector(".plot");
  seen.layout = await layout(page);
  if (folder) await page.screenshot({ path: path.join(folder, `${name.replace(" ", "-")}.png`) });
  for (const act of acts) {
    await act(page, seen).catch((error) => seen.troubles.push(`${act.name}: ${error.message}`));
  }
  await page.close();
  return seen;
}

module.exports = { everyWay, sounding, until, press, MOVING };
