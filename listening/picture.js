"use strict";
// Pictures of items: spectrum above, melody below, on one time axis that is a slider.
function makePictures(voices) {
  const { midi, noteName } = notes;
  const voiceNamed = (name) => voices.find((voice) => name && voice.name === name);
  const buttonOf = (item) => item.element.querySelector(`.voices [data-track="${item.chosen}"]`);
  const heightIn = (item, note) => 1 - (note - item.low) / (item.high - item.low); // 0 at the top, 1 at the bottom

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
    plot.querySelector("svg").setAttribute("viewBox", `0 0 ${item.length} 1`);
    drawScales(item);
    plot.querySelector(".melody .source").setAttribute("d", path(item, item.tracks[0]));
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

  function drawScales(item) {
    item.top = Math.max(...item.tracks.map((one) => one.top));
    const kilo = (item.top > 10000 ? [0, 5, 10, 15] : [0, 2, 4, 6]).filter((k) => k * 1000 < item.top * 0.9);
    const marks = kilo.map((k) => [1 - (k * 1000) / item.top, String(k)]);
    scale(item.plot.querySelector(".spectrum"), [[0, `${Math.round(item.top / 1000)} kHz`], ...marks]);

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
    const lines = item.plot.querySelector(".lines");
    for (const n of shown) {
      const y = heightIn(item, n);
      child(lines, "line", { x1: 0, x2: item.length, y1: y, y2: y });
    }
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

  // A curve as an SVG path: broken where it is unvoiced, and where it leaps.
  function path(item, one) {
    const { step, hz } = one.f0;
    let text = "";
    let before = 0;
    hz.forEach((f0, i) => {
      if (f0 > 0) {
        const goesOn = before > 0 && Math.abs(Math.log2(f0 / before)) < 0.4;
        const place = `${(one.start + (i + 0.5) * step).toFixed(3)} ${heightIn(item, midi(f0)).toFixed(4)}`;
        text += goesOn ? `L${place}` : `M${place}h0.001`;
      }
      before = f0;
    });
    return text;
  }

  // What depends on the track that is chosen.
  function drawTrack(item) {
    const one = item.tracks[item.chosen];
    const ink = item.plot.querySelector(".ink");
    const image = one.picture ? `url("${one.picture}")` : "none";
    ink.style.setProperty("-webkit-mask-image", image);
    ink.style.setProperty("mask-image", image);
    ink.style.height = `${(100 * one.top) / item.top}%`;
    ink.style.left = `${(100 * one.start) / item.length}%`;
    ink.style.right = `${100 * (1 - (one.start + one.seconds) / item.length)}%`;

    const voice = voiceNamed(buttonOf(item).dataset.voice);
    const shown = conversions(item);
    const curves = item.plot.querySelector(".converted");
    curves.setAttribute("class", voice ? "converted" : "converted all");
    curves.replaceChildren();
    for (const [of, at] of shown) child(curves, "path", { class: `voice-${of.mark % 8}`, d: path(item, item.tracks[at]) });
    const limited = drawBeyond(item, voice);
    const parts = [["voice-source", "F0 of the source"]];
    for (const [of] of shown) parts.push([`voice-${of.mark % 8}`, `${voice ? "of " : ""}${of.name}`]);
    if (limited) parts.push(["beyond", "outside its range"]);
    drawKey(item, parts);
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
      part.textContent = text;
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
