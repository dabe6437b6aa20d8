// Opens the report on a conversion from disk in headless Chromium and prints what happens there as JSON, once for each
// way to look at it. usage: node report.js <chromium> <page.html> [folder for screenshots]
"use strict";
const { everyWay, sounding, until, press, MOVING } = require("./pages.js");

async function listen(page, seen) {
  await page.locator(".item .play").click();
  await until(page, MOVING);
  seen.started = await sounding(page);
  seen.switched = await press(page, 0, seen.layout.voices[1][0]);
  await until(page, MOVING);
  seen.afterSwitch = await sounding(page);
  seen.backed = await press(page, 0, "");
  await page.keyboard.press("Space");
  seen.paused = await sounding(page);
}

async function useKeys(page, seen) {
  const chosen = () => page.evaluate(() => document.querySelector('.item .voices [aria-pressed="true"]').dataset.voice);
  seen.keys = [];
  const many = (wanted) => [...document.querySelectorAll("audio")].filter((a) => !a.paused).length === wanted;
  for (const [key, wanted] of [["1", 1], ["0", 1], ["Space", 0]]) {
    await page.keyboard.press(key);
    // A sound that has not been heard yet begins when it is decoded; what never comes is seen in the log.
    await page.waitForFunction(many, wanted, { timeout: 5000, polling: 20 }).catch(() => {});
    seen.keys.push([await chosen(), (await sounding(page)).length]);
  }
}

async function seePicture(page, seen) {
  seen.picture = await page.evaluate(() => {
    const box = (e) => { const { left, right, height } = e.getBoundingClientRect(); return [left, right, height]; };
    const texts = (name) => [...document.querySelectorAll(`${name} span`)].map((e) => e.textContent);
    const dashed = (e) => getComputedStyle(e).strokeDasharray !== "none";
    return {
      spectra: [...document.querySelectorAll(".spectrum")].map((e) => [e.querySelector(".of").textContent,
        getComputedStyle(e.querySelector(".ink")).maskImage.length > 1000, ...box(e)]),
      loudness: [...document.querySelectorAll(".loudness path")].map((e) => [dashed(e), e.getAttribute("d").length > 100]),
      units: [texts(".spectrum .scale")[0], texts(".loudness .scale")[0], texts(".times").at(-1)],
      times: texts(".times").slice(0, -1), key: texts(".key"),
      spans: [...document.querySelectorAll(".melody path")].map((e) => { const b = e.getBBox(); return [b.x, b.x + b.width]; }),
    };
  });
  seen.figures = await page.evaluate(() => [...document.querySelectorAll(".figures tr")].map((e) => [e.cells[0].firstChild.textContent.trim(), e.cells[1].textContent]));
}

everyWay(process.argv.slice(2), [listen, useKeys, seePicture]).catch((error) => { console.error(error); process.exit(1); });
