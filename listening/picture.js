"use strict";
// Pictures of items: spectra above, melody below, and loudness where the page has a lane for it, on one time axis that is
// a slider.
function makePictures(voices) {
  const { midi, noteName } = notes;
  const voiceNamed = (name) => voices.find((voice) => name && voice.name === name);
  const buttonOf = (item) => item.element.querySelector(`.voices [data-track="${item.chosen}"]`);
  const heightIn = (item, note) => 1 - (note - item.low) / (item.high - item.low); // 0 at the top, 1 at the bottom
  const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800]; // seconds between two marks of the time axis
  const SOFTEST = 55; // dB below the loudest, where the lane of loudness ends

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function child(parent, name, attributes) {
    return set(parent.appendChild(document.createElementNS(parent.namespaceURI, name)), attributes);
  }

  // seek: called with the item and the seconds that were pointed at.
  function draw(item, seek) {
    if (item.plot || !item.tracks.some((one) => one.picture)) return;
    const plot = document.getElementById("picture").content.cloneNode(true).firstElementChild;
    item.plot = plot;
    for (const svg of plot.querySelectorAll("svg")) svg.setAttribute("viewBox", `0 0 ${item.length} 1`);
    drawScales(item);
    for (const [lane, curve] of lanes(item)) lane.querySelector(".source").setAttribute("d", path(curve(item.tracks[0])));
    set(plot, {
      role: "slider", tabindex: 0, "aria-label": `Position in ${item.name}`, "aria-valuemin": 0,
      "aria-valuemax": item.length.toFixed(1),
    });
    const place = (event) => {
      const box = plot.querySelector(".spectrum").getBoundingClientRect();
      return ((event.clientX - box.left) / box.width) * item.length;
    };
    plot.addEventListener("click", (event) => seek(item, place(event)));
    plot.addEventListener("pointermove", (event) => {
      if (event.buttons === 1 && event.pointerType === "mouse") seek(item, place(event));
    });
    const key = document.createElement("p");
    key.className = "key";
    item.element.querySelector(".picture").replaceChildren(plot, key);
    drawTrack(item);
    showPosition(item);
  }

  // Lanes of curves, each with what makes a curve of a track: its times, which values
  // are known, their heights, and whether two of them connect.
  function lanes(item) {
    const melody = (one) => ({
      ...one.f0, from: one.start + (one.f0.start || 0), values: one.f0.hz, known: (hz) => hz > 0,
      height: (hz) => heightIn(item, midi(hz)), connected: (a, b) => Math.abs(Math.log2(b / a)) < 0.4,
    });
    const loudness = (one) => ({
      ...one.loudness, from: one.start + (one.loudness.start || 0), values: one.loudness.db, known: () => true,
      connected: () => true, height: (db) => Math.min(1, (item.loudest - db) / SOFTEST),
    });
    const found = [[item.plot.querySelector(".melody"), melody], [item.plot.querySelector(".loudness"), loudness]];
    return found.filter(([lane]) => lane);
  }

  function drawScales(item) {
    item.top = Math.max(...item.tracks.map((one) => one.top));
    const kilo = (item.top > 10000 ? [0, 5, 10, 15] : [0, 2, 4, 6]).filter((k) => k * 1000 < item.top * 0.9);
    const marks = kilo.map((k) => [1 - (k * 1000) / item.top, String(k)]);
    for (const lane of item.plot.querySelectorAll(".spectrum")) {
      scale(lane, [[0, `${Math.round(item.top / 1000)} kHz`], ...marks]);
    }
    drawNotes(item);
    drawLoudness(item);
    drawTimes(item);
  }

  function drawTimes(item) {
    const step = STEPS.find((one) => item.length / one <= 8) || STEPS.at(-1);
    const times = item.plot.querySelector(".times");
    for (let n = 0; n * step <= item.length - step / 3; n += 1) {
      const mark = document.createElement("span");
      mark.style.left = `${(100 * n * step) / item.length}%`;
      mark.textContent = Number((n * step).toFixed(2));
      times.append(mark);
    }
    const unit = document.createElement("span");
    unit.className = "unit";
    unit.textContent = "s";
    times.append(unit);
  }

  function drawLoudness(item) {
    const lane = item.plot.querySelector(".loudness");
    if (!lane) return;
    const loudest = Math.max(...item.tracks.flatMap((one) => one.loudness.db), -60);
    item.loudest = Math.ceil(loudest / 5) * 5;
    const shown = [];
    for (let db = Math.floor(item.loudest / 20) * 20; db > item.loudest - SOFTEST; db -= 20) shown.push([db, (item.loudest - db) / SOFTEST]);
    scale(lane, [[0, "dBFS"], ...shown.filter(([, y]) => y > 0.25).map(([db, y]) => [y, String(db).replace("-", "−")])]);
    grid(item, lane, shown.map(([, y]) => y));
  }

  function drawNotes(item) {
    const notes = item.tracks.flatMap((one) => one.f0.hz).filter((hz) => hz > 0).map(midi).sort((a, b) => a - b);
    const at = (share) => notes[Math.floor((notes.length - 1) * share)]; // without the few octave errors of a tracker
    const [low, high] = notes.length ? [at(0.005), at(0.995)] : [48, 60];
    const spare = Math.max(0, 9 - (high - low)) / 2 + 1.5; // semitones
    [item.low, item.high] = [low - spare, high + spare];
    const wide = item.high - item.low;
    const lined = wide > 30 ? [0] : wide > 16 ? [0, 7] : [0, 4, 7]; // of an octave: C; C and G; C, E and G
    const shown = [];
    for (let n = Math.ceil(item.low); n < item.high; n += 1) if (lined.includes(n % 12)) shown.push(n);
    scale(item.plot.querySelector(".melody"), shown.map((n) => [heightIn(item, n), noteName(n)]));
    grid(item, item.plot.querySelector(".melody"), shown.map((n) => heightIn(item, n)));
  }

  function grid(item, lane, heights) {
    for (const y of heights) child(lane.querySelector(".lines"), "line", { x1: 0, x2: item.length, y1: y, y2: y });
  }

  function scale(lane, marks) {
    for (const [height, text] of marks) {
      const mark = document.createElement("span");
      mark.style.top = `${height * 100}%`;
      mark.classList.toggle("end", height === 0);
      mark.textContent = text;
      lane.querySelector(".scale").append(mark);
    }
  }

  // A curve as an SVG path: broken where it has no value (0 Hz), and where two do not connect.
  function path({ step, from, values, known, height, connected }) {
    let text = "";
    values.forEach((value, i) => {
      if (!known(value)) return;
      const place = `${(from + (i + 0.5) * step).toFixed(3)} ${height(value).toFixed(4)}`;
      text += i && known(values[i - 1]) && connected(values[i - 1], value) ? `L${place}` : `M${place}h0.001`;
    });
    return text;
  }

  // What depends on the track that is chosen.
  function drawTrack(item) {
    for (const lane of item.plot.querySelectorAll(".spectrum")) {
      drawSpectrum(item, lane.querySelector(".ink"), item.tracks[lane.dataset.track ?? item.chosen]);
    }
    const voice = voiceNamed(buttonOf(item).dataset.voice);
    const shown = conversions(item);
    const several = shown.length > 1;
    for (const [lane, curve] of lanes(item)) {
      const curves = lane.querySelector(".converted");
      curves.setAttribute("class", several ? "converted all" : "converted");
      curves.replaceChildren();
      for (const [of, at] of shown) child(curves, "path", { class: `voice-${of.mark % 8}`, d: path(curve(item.tracks[at])) });
    }
    const limited = drawBeyond(item, several ? null : voice || shown[0]?.[0]);
    const parts = [["voice-source", `F0${item.tracks[0].loudness ? " and loudness" : ""} of the source`]];
    for (const [of] of shown) parts.push([`voice-${of.mark % 8}`, `of ${of.name}`]);
    if (limited) parts.push(["beyond", "outside its range"]);
    parts.push(["shades", "spectrum: 58 to 0 dB below its loudest"]);
    item.element.querySelector(".key").classList.toggle("all", several);
    drawKey(item, parts);
  }

  function drawSpectrum(item, ink, one) {
    const image = one.picture ? `url("${one.picture}")` : "none";
    ink.style.setProperty("-webkit-mask-image", image);
    ink.style.setProperty("mask-image", image);
    ink.style.height = `${(100 * one.top) / item.top}%`;
    ink.style.left = `${(100 * one.start) / item.length}%`;
    ink.style.right = `${100 * (1 - (one.start + one.seconds) / item.length)}%`;
  }

  // Shades what the voice was not trained on; returns whether any of it is in the picture.
  function drawBeyond(item, voice) {
    const beyond = item.plot.querySelector(".beyond");
    beyond.replaceChildren();
    if (!voice || !voice.span) return false;
    const [low, high] = voice.span.map((hz) => heightIn(item, midi(hz)));
    if (high > 0) child(beyond, "rect", { x: 0, width: item.length, y: 0, height: Math.min(1, high) });
    if (low < 1) child(beyond, "rect", { x: 0, width: item.length, y: Math.max(0, low), height: 1 - Math.max(0, low) });
    return beyond.childNodes.length > 0;
  }

  // The conversion that is chosen, or while the source is, all that are shown; as pairs of voice and track.
  function conversions(item) {
    const buttons = [...item.element.querySelectorAll(".voices [data-track]:not([hidden])")];
    const wanted = item.chosen ? [buttonOf(item)] : buttons.slice(1);
    return wanted.map((button) => [voiceNamed(button.dataset.voice), Number(button.dataset.track)]);
  }

  function drawKey(item, parts) {
    item.element.querySelector(".key").replaceChildren(...parts.map(([name, text]) => {
      const part = document.createElement("span");
      part.className = name;
      const box = document.createElementNS(item.plot.querySelector("svg").namespaceURI, "svg");
      set(box, { viewBox: "0 0 34 10", "aria-hidden": "true" });
      if (name.startsWith("voice-")) child(box, "path", { d: "M1 5H33" });
      else child(box, "rect", { width: 34, height: 10 });
      part.append(box, text);
      return part;
    }));
  }

  function showPosition(item) {
    const share = item.length ? Math.min(1, item.at / item.length) : 0;
    item.plot.querySelector(".head").style.left = `calc(2.6rem + (100% - 2.6rem) * ${share})`;
    item.plot.setAttribute("aria-valuenow", item.at.toFixed(1));
    item.plot.setAttribute("aria-valuetext", `${item.at.toFixed(1)} of ${item.length.toFixed(1)} seconds`);
  }

  return { draw, drawTrack, showPosition };
}
