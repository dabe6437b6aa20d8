// Opens a listening page from disk in headless Chromium and prints what happens there as JSON, once for each way to
// look at it. usage: node drive.js <chromium> <page.html> [folder for screenshots]
"use strict";
const { everyWay, sounding, until, press, MOVING } = require("./pages.js");

const current = (page) => page.evaluate(() => {
  const item = document.querySelector(".item.current");
  return item && [Number(item.dataset.item), item.querySelector('[aria-pressed="true"]').dataset.voice];
});

const seconds = (page) => page.evaluate(() => parseFloat(document.querySelector(".current .time").textContent));

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

everyWay(process.argv.slice(2), [listen, useKeys, useMouse, useFilters, seeMissing, seeBar])
  .catch((error) => { console.error(error); process.exit(1); });
