// Opens a listening page from disk in headless Chromium and prints what happens there as JSON, once for each way to
// look at it. usage: node drive.js <chromium> <page.html> [folder for screenshots]
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

const current = (page) => page.evaluate(() => {
  const item = document.querySelector(".item.current");
  return item && [Number(item.dataset.item), item.querySelector('[aria-pressed="true"]').dataset.voice];
});

const seconds = (page) => page.evaluate(() => parseFloat(document.querySelector(".current .time").textContent));

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
      notes: [...document.querySelectorAll(".item:first-child .melody .scale span")].map((e) => e.textContent),
    };
  });
}

async function listen(page, seen) {
  await page.locator('[data-item="0"] .play').click();
  await until(page, MOVING);
  seen.started = await sounding(page);
  seen.switched = await press(page, 0, "alto");
  await until(page, MOVING);
  seen.afterSwitch = await sounding(page);
  seen.backed = await press(page, 0, "");
  seen.otherItem = await press(page, 1, "alto");
  await until(page, MOVING);
  seen.afterItem = await sounding(page);
  await page.keyboard.press("Space");
  seen.paused = await sounding(page);
}

async function useKeys(page, seen) {
  const log = [];
  const key = async (name) => { await page.keyboard.press(name); log.push([name, await current(page), await seconds(page), (await sounding(page)).length]); };
  await page.evaluate(() => document.activeElement.blur());
  for (const name of ["ArrowUp", "ArrowRight", "ArrowRight", "ArrowLeft", "2", "Space", "1", "0", "Space", "ArrowDown"]) await key(name);
  seen.keys = log;
}

async function useMouse(page, seen) {
  const plot = page.locator('[data-item="0"] .spectrum');
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  seen.sought = await seconds(page);
  seen.head = await page.evaluate(() => {
    const [head, lane] = [".head", ".spectrum"].map((name) => document.querySelector(`[data-item="0"] ${name}`).getBoundingClientRect());
    return (head.left - lane.left) / lane.width;
  });
  const slider = page.locator('[data-item="0"] [role=slider]');
  seen.slider = await slider.getAttribute("aria-valuenow");
  seen.ends = [];
  for (const key of ["End", "Home"]) { await slider.press(key); seen.ends.push(await seconds(page)); }
}

async function useFilters(page, seen) {
  const shown = () => page.evaluate(() => [...document.querySelectorAll(".item")].filter((e) => e.offsetParent)
    .map((e) => [Number(e.dataset.item), [...e.querySelectorAll(".voices button")].filter((b) => b.offsetParent).map((b) => b.dataset.voice)]));
  const set = (name, value) => page.evaluate(([n, v]) => document.querySelector(`[data-filter="${n}"][data-value="${v}"]`).click(), [name, value]);
  seen.filters = {};
  await set("kind", "song"); seen.filters.song = await shown();
  await set("voice", "bass"); seen.filters.songOfBass = await shown();
  seen.filters.nothing = await page.locator("#nothing").isVisible();
  await set("kind", ""); seen.filters.bass = await shown();
  await set("voice", ""); seen.filters.all = await shown();
}

async function seeMissing(page, seen) {
  await page.evaluate(() => document.querySelector('[data-item="1"] [data-missing]').click());
  const line = page.locator('[data-item="1"] .command').first();
  seen.command = [await line.isVisible(), await line.locator("code").textContent()];
  await line.locator(".copy").click();
  await page.waitForFunction(() => document.querySelector('[data-item="1"] .copy').textContent === "copied");
  seen.copied = await page.evaluate(() => navigator.clipboard.readText());
}

async function seeBar(page, seen) {
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  seen.bar = await page.evaluate(() => {
    const bar = document.getElementById("bar").getBoundingClientRect();
    return [bar.height > 0, Math.round(bar.bottom), innerHeight,
      [...document.querySelectorAll("#bar .voices button")].map((b) => [b.dataset.voice, b.getBoundingClientRect().height])];
  });
  if (!seen.bar[0]) return;
  await page.locator('#bar [data-voice="alto"]').tap();
  await until(page, MOVING);
  seen.byBar = [await current(page), (await sounding(page)).length];
  await page.locator("#bar .play").tap();
  seen.pausedByBar = (await sounding(page)).length;
}

async function look(context, file, name, folder) {
  const page = await context.newPage();
  const seen = { troubles: [], requests: [] };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.troubles.push(message.text()); });
  page.on("pageerror", (error) => seen.troubles.push(error.message));
  page.on("request", (request) => seen.requests.push(request.url().slice(0, 200)));
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector(".plot");
  seen.layout = await layout(page);
  if (folder) await page.screenshot({ path: path.join(folder, `${name.replace(" ", "-")}.png`) });
  for (const act of [listen, useKeys, useMouse, useFilters, seeMissing, seeBar]) {
    await act(page, seen).catch((error) => seen.troubles.push(`${act.name}: ${error.message}`));
  }
  await page.close();
  return seen;
}

(async () => {
  const [executable, file, folder] = process.argv.slice(2);
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "listening-"));
  const found = {};
  try {
    for (const [name, way] of Object.entries(WAYS)) {
      const context = await chromium.launchPersistentContext(path.join(profile, name), { executablePath: executable,
        headless: true, args: FLAGS, permissions: ["clipboard-read", "clipboard-write"], ...way });
      found[name] = await look(context, file, name, folder);
      await context.close();
    }
  } finally {
    fs.rmSync(profile, { recursive: true, force: true });
  }
  process.stdout.write(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exit(1); });
