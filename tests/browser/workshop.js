// Opens the workshop in headless Chromium, works with it, and prints what happens there as JSON, once for each way to
// look at it. usage: node workshop.js <chromium> <address> <recording.wav> <text.txt> <folder of two> <folder of many> <long.wav>
// [folder for screenshots]
"use strict";
const path = require("path");
const { chromium } = require("playwright-core");

const WAYS = {
  "desktop light": { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  "desktop dark": { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  "phone light": { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true, isMobile: true },
  "phone dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true, isMobile: true },
};
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--mute-audio"];
const LONG = 120000; // milliseconds

const until = (page, test, argument = null) => page.waitForFunction(test, argument, { timeout: LONG, polling: 50 });
const tab = async (page, name) => {
  const button = page.getByRole("tab", { name, exact: true });
  if (await button.isVisible()) await button.click();
  else { await page.locator(".overflow-menu button").first().click(); await page.locator(".overflow-dropdown button", { hasText: name }).click(); }
  await page.waitForTimeout(300);
};
const sounding = (page, id) => page.evaluate((name) => [...document.querySelectorAll(`${name} .stage audio`)]
  .filter((a) => !a.paused).map((a) => [a.src.includes("source") ? "source" : "result", a.currentTime]), id);
const sung = (page, times) => until(page, (n) => Number(document.querySelector("#curve-stage .stage").dataset.sung || 0) >= n, times);
const readout = (page) => page.textContent("#curve-stage .readout");
const result = (page, id) => page.evaluate((name) => [...document.querySelectorAll(`${name} .stage audio`)].map((a) => a.src).find((s) => s && !s.includes("source")), id);

async function layout(page) {
  await page.waitForTimeout(400); // colours of what was pressed pass into one another
  return page.evaluate(() => {
    const shown = (e) => e.offsetParent !== null;
    const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (e) => {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      return (colour[3] === 0 || colour.length < 3) && e.parentElement ? ground(e.parentElement) : colour;
    };
    const contrast = (e) => {
      const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    };
    const texts = [...document.querySelectorAll(".words p, .words b, .stage button:not(:disabled), .stage span, .stage p, label span")]
      .filter((e) => shown(e) && !e.closest(":disabled") && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
    const faint = texts.map((e) => [contrast(e), e.textContent.slice(0, 30)]).sort((a, b) => a[0] - b[0]);
    const wide = [...document.querySelectorAll(".stage *, .words *")].filter((e) => shown(e) && e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => `${e.tagName}.${e.className}`);
    return {
      width: innerWidth, scrollWidth: document.documentElement.scrollWidth, wide, faintest: faint[0],
      paper: getComputedStyle(document.body).backgroundColor, fonts: getComputedStyle(document.querySelector(".stage")).fontFamily,
      small: [...document.querySelectorAll(".stage button")].filter((e) => shown(e) && e.offsetHeight < 34).map((e) => e.textContent),
      unnamed: [...document.querySelectorAll(".stage button, .stage input, .stage canvas")].filter((e) => shown(e)
        && !(e.getAttribute("aria-label") || e.textContent || e.closest("label")?.textContent || "").trim()).length,
    };
  });
}

// A line through points as shares of the melody's lane, by mouse or by finger.
async function draw(page, points, touch) {
  const board = await page.locator("#curve-stage .plot").boundingBox();
  const places = points.map(([x, y]) => [board.x + 46 + x * (board.width - 52), board.y + y * (board.height - 124)]);
  if (!touch) {
    await page.mouse.move(...places[0]);
    await page.mouse.down();
    for (const place of places) await page.mouse.move(...place, { steps: 4 });
    await page.mouse.up();
    return;
  }
  const session = await page.context().newCDPSession(page);
  const send = (type, place) => session.send("Input.dispatchTouchEvent", { type, touchPoints: place ? [{ x: place[0], y: place[1] }] : [] });
  await send("touchStart", places[0]);
  for (const place of places) await send("touchMove", place);
  await send("touchEnd");
}

// Each tab before anything is in it: as wide as the page.
async function empty(page, seen) {
  seen.widths = [];
  for (const name of ["Curve", "Batch", "Train", "Convert"]) {
    await tab(page, name);
    seen.widths.push(await page.evaluate(() => [document.querySelector(".gradio-container > .main").offsetWidth, document.documentElement.scrollWidth, innerWidth]));
  }
}

async function convert(page, seen, files) {
  await page.setInputFiles("#recording input[type=file]", files.text);
  await until(page, () => document.querySelector("#convert-status .trouble"));
  seen.error = (await page.textContent("#convert-status")).trim();
  await page.locator("#recording button[aria-label='Clear']").click();
  await page.waitForSelector("#recording input[type=file]", { state: "attached" });
  await page.setInputFiles("#recording input[type=file]", files.recording);
  await until(page, () => !document.querySelector("#convert-stage .stage").classList.contains("empty"));
  await until(page, () => document.querySelector("#live").textContent.includes("voiced frames"));
  seen.live = (await page.textContent("#live")).trim();
  await page.locator("#convert-transpose input[type=number]").fill("36");
  await page.locator("#convert-transpose input[type=number]").press("Tab");
  await until(page, () => document.querySelector("#live").textContent.includes("outside"));
  seen.outside = (await page.textContent("#live")).trim();
  await page.locator("#convert-transpose input[type=number]").fill("0");
  await page.locator("#convert-transpose input[type=number]").press("Tab");
  await until(page, () => document.querySelector("#live").textContent.includes("within"));
  await page.click("#convert-button");
  await until(page, () => !document.querySelector("#convert-stage [data-side=result]").disabled);
  await until(page, () => document.querySelector("#convert-status").textContent.includes(" as "));
  seen.converted = await result(page, "#convert-stage");
}

async function compare(page, seen) {
  await page.locator("#convert-stage .play").click();
  await until(page, () => [...document.querySelectorAll("#convert-stage audio")].some((a) => !a.paused && a.currentTime > 0.25));
  seen.started = await sounding(page, "#convert-stage");
  seen.switched = await page.evaluate(() => {
    const at = () => [...document.querySelectorAll("#convert-stage audio")].filter((a) => !a.paused).map((a) => a.currentTime);
    const before = at();
    document.querySelector("#convert-stage [aria-pressed=false][data-side]").click();
    return [before, at()];
  });
  seen.afterSwitch = await sounding(page, "#convert-stage");
  await page.locator("#convert-stage .play").click();
  seen.paused = await sounding(page, "#convert-stage");
}

async function curve(page, seen, files, touch) {
  await page.click("#edit-button");
  await until(page, () => document.querySelector("#curve-stage .stage") && document.querySelector("#curve-stage .stage").dataset.sung);
  await page.locator("#curve-stage").scrollIntoViewIfNeeded();
  await page.click('#curve-stage [data-tool="draw"]');
  await page.locator("#curve-stage .plot").scrollIntoViewIfNeeded();
  const before = Number(await page.getAttribute("#curve-stage .stage", "data-sung"));
  await draw(page, [[0.3, 0.3], [0.4, 0.3], [0.5, 0.3], [0.6, 0.3], [0.7, 0.3]], touch);
  await sung(page, before + 1);
  seen.drawn = { result: await result(page, "#curve-stage"), said: await readout(page) };
  const board = page.locator("#curve-stage .plot");
  const number = await page.evaluate(() => document.querySelector("#curve-stage .stage").dataset.sung);
  await board.focus();
  seen.undo = await page.isEnabled('[data-act="undo"]');
  await page.keyboard.press("Control+z");
  await sung(page, Number(number) + 1);
  seen.undone = [await page.isEnabled('[data-act="undo"]'), await page.isEnabled('[data-act="redo"]'), await result(page, "#curve-stage")];
  await page.keyboard.press("Control+y");
  await sung(page, Number(number) + 2);
  seen.redone = await result(page, "#curve-stage");
  await page.keyboard.press("4");
  await page.keyboard.press("Home");
  for (let k = 0; k < 40; k += 1) await page.keyboard.press("Shift+ArrowRight");
  seen.selected = await readout(page);
  await page.keyboard.press("Shift+ArrowUp");
  await sung(page, Number(number) + 3);
  await page.click('[data-act="snap"]');
  await sung(page, Number(number) + 4);
  seen.snapped = await result(page, "#curve-stage");
  seen.layoutOfCurve = await layout(page);
  seen.tabs = await page.evaluate(() => [...document.querySelectorAll(".tab-container [role=tab]")].filter((e) => e.offsetParent).map((e) => e.textContent.trim()));
}

async function batch(page, seen, files) {
  await tab(page, "Batch");
  await page.fill("#batch-folder textarea, #batch-folder input", files.folder);
  await page.click("#batch-start");
  await until(page, () => document.querySelector("#batch-status").textContent.includes("converted,") || document.querySelector("#batch-status").textContent.includes("of 2 converted"));
  seen.batch = [(await page.textContent("#batch-status")).trim(), await page.locator("#batch-rows tr.done").count(), await page.isEnabled("#batch-save")];
  await page.fill("#batch-folder textarea, #batch-folder input", files.many);
  await page.click("#batch-start");
  await until(page, () => document.querySelectorAll("#batch-rows tr.done").length >= 1 && !document.querySelector("#batch-stop").disabled);
  await page.click("#batch-stop");
  await until(page, () => document.querySelector("#batch-status").textContent.includes("stopped"));
  seen.stopped = (await page.textContent("#batch-status")).trim();
}

async function train(page, seen, files) {
  await tab(page, "Train");
  await page.fill("#train-name textarea, #train-name input", "con");
  await page.fill("#train-folder textarea, #train-folder input", files.folder);
  await page.click("#train-start");
  await until(page, () => document.querySelector("#train-status .trouble"));
  seen.refused = (await page.textContent("#train-status")).trim();
  await page.fill("#train-name textarea, #train-name input", "neu");
  await page.click("#train-check");
  await until(page, () => document.querySelector("#train-report .check"));
  seen.report = (await page.innerText("#train-report")).trim();
}

// A long recording: a bar with the time left, and an end to it.
async function cancel(page, seen, files) {
  await tab(page, "Convert");
  await page.locator("#recording button[aria-label='Clear']").click();
  await page.waitForSelector("#recording input[type=file]", { state: "attached" });
  await page.setInputFiles("#recording input[type=file]", files.long);
  await until(page, () => document.querySelector("#convert-status").textContent.includes("analysing"));
  await until(page, () => document.querySelector("#convert-status").textContent.includes("left"));
  seen.bar = [(await page.textContent("#convert-status")).trim(), await page.evaluate(() => document.querySelector("#convert-status progress").value)];
  const began = Date.now();
  await page.click("#stop-button");
  await until(page, () => document.querySelector("#convert-status").textContent.trim() === "stopped");
  seen.cancelled = (Date.now() - began) / 1000;
}

async function look(context, address, name, files, folder) {
  const page = await context.newPage();
  const seen = { troubles: [], requests: [] };
  const touch = name.startsWith("phone");
  // Gradio's own player says the one when it is given a text that is called .wav.
  const expected = "Waveform load error: MediaError";
  page.on("console", (message) => { if (message.type() === "error" && message.text() !== expected) seen.troubles.push(message.text()); });
  page.on("pageerror", (error) => seen.troubles.push(error.message));
  page.on("request", (request) => seen.requests.push(new URL(request.url()).origin));
  await page.goto(address);
  await page.waitForSelector("#recording input[type=file]", { state: "attached", timeout: LONG });
  await page.waitForTimeout(500);
  const shoot = (what) => folder && page.screenshot({ path: path.join(folder, `${name.replace(" ", "-")}-${what}.png`) });
  const acts = name === "desktop light" ? [empty, convert, compare, curve, batch, train, cancel] : [empty, convert, compare, curve];
  for (const act of acts) {
    await act(page, seen, files, touch).catch((error) => seen.troubles.push(`${act.name}: ${error.message.slice(0, 600)}`));
    if (act === compare) seen.layout = await layout(page);
    await shoot(act.name);
  }
  seen.requests = [...new Set(seen.requests)];
  await page.close();
  return seen;
}

(async () => {
  const [executable, address, recording, text, both, many, long, folder] = process.argv.slice(2);
  const files = { recording, text, folder: both, many, long };
  const browser = await chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
  const found = {};
  try {
    for (const [name, way] of Object.entries(WAYS)) {
      const context = await browser.newContext(way);
      found[name] = await look(context, address, name, files, folder);
      await context.close();
    }
  } finally {
    await browser.close();
  }
  process.stdout.write(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exit(1); });
