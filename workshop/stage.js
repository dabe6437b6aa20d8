"use strict";
// The picture of a document: spectrogram and melody on a semitone axis, loudness below, on one time axis.
function makeStage(element) {
  const root = element.querySelector(".stage");
  const canvas = root.querySelector(".plot");
  const paint = canvas.getContext("2d");
  const GUTTER = 46, LOUD = 92, AXIS = 22, GAP = 10, EDGE = 6; // CSS pixels
  const FLOOR = -50, CEILING = 12; // dB of the loudness lane
  const stage = {
    root, canvas, data: null, sung: null, view: { from: 0, to: 1, low: 48, high: 72 }, selection: null, cursor: null, picture: null,
    onPaint: null,
  };
  const player = makePlayer(root, () => { if (stage.follow) stage.follow(); draw(); });
  stage.player = player;

  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const width = () => canvas.clientWidth - GUTTER - EDGE;
  const melodyHeight = () => canvas.clientHeight - LOUD - AXIS - GAP;
  const x = (seconds) => GUTTER + ((seconds - stage.view.from) / (stage.view.to - stage.view.from)) * width();
  const y = (note) => (1 - (note - stage.view.low) / (stage.view.high - stage.view.low)) * melodyHeight();
  const loudTop = () => melodyHeight() + GAP;
  const yLoud = (db) => loudTop() + (1 - (Math.max(FLOOR, Math.min(CEILING, db)) - FLOOR) / (CEILING - FLOOR)) * LOUD;
  const secondsOf = (unit) => stage.data.start + (unit + 0.5) * stage.data.step;
  Object.assign(stage, {
    x, y, yLoud, secondsOf, loudTop,
    seconds: (px) => stage.view.from + ((px - GUTTER) / width()) * (stage.view.to - stage.view.from),
    unit: (px) => Math.round((stage.seconds(px) - stage.data.start) / stage.data.step - 0.5),
    note: (py) => stage.view.low + (1 - py / melodyHeight()) * (stage.view.high - stage.view.low),
    db: (py) => FLOOR + (1 - (py - loudTop()) / LOUD) * (CEILING - FLOOR),
    inLoudness: (py) => py > melodyHeight() + GAP / 2,
  });

  // ---- what is shown

  stage.open = (data) => {
    const same = stage.data && stage.data.number === data.number;
    stage.data = data;
    stage.sung = data.sung && structuredClone(data.sung);
    stage.selection = same ? stage.selection : null;
    root.classList.remove("empty");
    if (!same) { Object.assign(stage.view, { from: 0, to: data.seconds }); stage.cursor = null; }
    root.querySelector('[data-side="result"] span').textContent = data.voice;
    player.load(data.sounds, data.volumes, data.seconds);
    fit();
    stage.zoom(1);
    showKey();
    const image = new Image();
    image.onload = () => { stage.picture = tinted(image); draw(); };
    image.src = data.picture.uri;
    stage.image = image;
  };

  // value: what the page sends: all of a document, or what has changed of the one that is open.
  stage.update = (value) => {
    if (!value || !value.number) return;
    if (value.picture) { stage.open(value); return; }
    if (!stage.data || stage.data.number !== value.number) return;
    if (value.sung) stage.sung = structuredClone(value.sung);
    if (value.sounds) {
      Object.assign(stage.data.sounds, value.sounds);
      player.load(stage.data.sounds, value.volumes, stage.data.seconds);
    }
    if (value.chosen) player.choose(value.chosen);
    fit();
  };

  function fit() {
    const found = [stage.data.source, stage.sung].filter(Boolean).flatMap((curve) => curve.hz.filter((_, k) => curve.voiced[k]).map(notes.midi));
    const sorted = found.sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor((sorted.length - 1) * share)];
    const [low, high] = sorted.length ? [at(0.005), at(0.995)] : [48, 60];
    const spare = Math.max(0, 14 - (high - low)) / 2 + 2.5; // semitones
    Object.assign(stage.view, { low: low - spare, high: high + spare });
    draw();
  }
  stage.fit = fit;

  function tinted(image) {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [image.naturalWidth, image.naturalHeight];
    const brush = copy.getContext("2d");
    brush.drawImage(image, 0, 0);
    brush.globalCompositeOperation = "source-in";
    brush.fillStyle = css("--spectrum");
    brush.fillRect(0, 0, copy.width, copy.height);
    return copy;
  }

  function draw() {
    if (!stage.data || !canvas.clientWidth) return;
    const scale = devicePixelRatio || 1;
    const [w, h] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, w, h);
    drawGround();
    clipped(0, melodyHeight(), () => { drawSpectrogram(); drawNotes(); drawBeyond(); drawSelection(); drawMelodies(); });
    clipped(loudTop(), LOUD, () => { drawSelection(); drawLoudness(); });
    drawLabels();
    drawHeads();
    if (stage.onPaint) stage.onPaint(paint);
  }
  stage.draw = draw;

  function clipped(top, height, work) {
    paint.save();
    paint.beginPath();
    paint.rect(GUTTER, top, width(), height);
    paint.clip();
    work();
    paint.restore();
  }

  function drawGround() {
    paint.fillStyle = css("--faint");
    for (const [top, height] of [[0, melodyHeight()], [loudTop(), LOUD]]) {
      paint.beginPath();
      paint.roundRect(GUTTER, top, width(), height, 5);
      paint.fill();
    }
  }

  function drawSpectrogram() {
    if (!stage.picture) return;
    const { low, high } = stage.data.picture;
    const left = x(0), right = x(stage.data.seconds);
    paint.globalAlpha = 0.62;
    paint.imageSmoothingEnabled = true;
    paint.drawImage(stage.picture, left, y(high), right - left, y(low) - y(high));
    paint.globalAlpha = 1;
  }

  const shownNotes = () => {
    const room = melodyHeight() / (stage.view.high - stage.view.low); // pixels a semitone
    const lined = room > 13 ? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] : room > 7 ? [0, 2, 4, 5, 7, 9, 11] : room > 4.5 ? [0, 4, 7] : [0];
    const found = [];
    for (let n = Math.ceil(stage.view.low); n <= stage.view.high; n += 1) if (lined.includes(((n % 12) + 12) % 12)) found.push(n);
    return found;
  };

  function drawNotes() {
    paint.lineWidth = 1;
    for (const n of shownNotes()) {
      paint.strokeStyle = css(n % 12 === 0 ? "--soft" : "--line");
      paint.globalAlpha = n % 12 === 0 ? 0.5 : 0.8;
      line([[GUTTER, y(n)], [GUTTER + width(), y(n)]]);
    }
    paint.globalAlpha = 1;
  }

  function drawBeyond() {
    if (!stage.data.span) return;
    const [low, high] = stage.data.span.map((hz) => y(notes.midi(hz)));
    for (const [top, bottom] of [[0, high], [low, melodyHeight()]]) {
      if (bottom <= top) continue;
      paint.save();
      paint.beginPath();
      paint.rect(GUTTER, top, width(), bottom - top);
      paint.clip();
      paint.fillStyle = css("--beyond");
      paint.globalAlpha = 0.1;
      paint.fillRect(GUTTER, top, width(), bottom - top);
      paint.globalAlpha = 0.35;
      paint.strokeStyle = css("--beyond");
      for (let at = GUTTER - bottom; at < GUTTER + width(); at += 9) line([[at, bottom], [at + bottom - top, top]]);
      paint.restore();
    }
  }

  function drawSelection() {
    if (!stage.selection) return;
    const [left, right] = [stage.selection[0] - 0.5, stage.selection[1] - 0.5].map((unit) => x(secondsOf(unit)));
    paint.fillStyle = css("--accent");
    paint.globalAlpha = 0.16;
    paint.fillRect(left, 0, right - left, canvas.clientHeight);
    paint.globalAlpha = 1;
    paint.strokeStyle = css("--accent");
    paint.lineWidth = 1.5;
    for (const at of [left, right]) line([[at, 0], [at, canvas.clientHeight]]);
  }

  const inside = (at) => at >= GUTTER - 40 && at <= GUTTER + width() + 40;

  // Stretches of a curve as lists of points; broken where it is unvoiced.
  function stretches(curve) {
    const found = [];
    let now = null;
    curve.hz.forEach((hz, k) => {
      const at = x(secondsOf(k));
      if (!curve.voiced[k] || !inside(at)) { now = null; return; }
      if (!now) found.push((now = []));
      now.push([at, y(notes.midi(hz))]);
    });
    return found;
  }

  function line(points) {
    paint.beginPath();
    points.forEach(([px, py], k) => (k ? paint.lineTo(px, py) : paint.moveTo(px, py)));
    if (points.length === 1) paint.lineTo(points[0][0] + 1, points[0][1]);
    paint.stroke();
  }

  function stroke(lists, colour, wide, dash = []) {
    paint.lineCap = "round";
    paint.lineJoin = "round";
    // Solid lines have an outline, and stand out on any spectrum; dashes are seen on solid lines, too.
    for (const [shade, more] of dash.length ? [[colour, 0]] : [[css("--card"), 2.5], [colour, 0]]) {
      paint.setLineDash(dash);
      paint.strokeStyle = shade;
      paint.lineWidth = wide + more;
      lists.forEach(line);
    }
    paint.setLineDash([]);
  }

  function drawMelodies() {
    if (stage.sung) stroke(stretches(stage.sung), css("--sung"), 3.5);
    if (stage.data.source) stroke(stretches(stage.data.source), css("--v-source"), 1.5, [3, 5]);
  }

  function drawLoudness() {
    const points = (curve) => [curve.db.map((db, k) => [x(secondsOf(k)), yLoud(db)]).filter(([px]) => inside(px))];
    paint.strokeStyle = css("--line");
    paint.lineWidth = 1;
    for (const db of [-40, -20, 0]) line([[GUTTER, yLoud(db)], [GUTTER + width(), yLoud(db)]]);
    if (stage.sung) stroke(points(stage.sung), css("--sung"), 2.5);
    if (stage.data.source) stroke(points(stage.data.source), css("--v-source"), 1.25, [3, 5]);
  }

  function drawLabels() {
    paint.fillStyle = css("--soft");
    paint.font = `11px ${css("--sans")}`;
    paint.textAlign = "right";
    paint.textBaseline = "middle";
    const places = []; // of names so far, C before the others: none lies on another
    for (const n of shownNotes().sort((a, b) => (b % 12 === 0) - (a % 12 === 0))) {
      const at = y(n);
      if (at < 6 || at > melodyHeight() - 3 || places.some((place) => Math.abs(place - at) < 12)) continue;
      places.push(at);
      paint.fillText(notes.noteName(n), GUTTER - 7, at);
    }
    for (const db of [-40, -20, 0]) paint.fillText(db ? `−${-db}` : "0 dB", GUTTER - 7, yLoud(db));
    paint.textAlign = "center";
    const span = stage.view.to - stage.view.from;
    const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300].find((one) => (one / span) * width() > 52) || 600;
    for (let at = Math.ceil(stage.view.from / step) * step; at <= stage.view.to + 1e-9; at += step) {
      const px = x(at);
      if (px > GUTTER + width() - 14) continue;
      paint.fillText(`${at.toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0)} s`, Math.max(px, GUTTER + 10), loudTop() + LOUD + 13);
    }
  }

  function drawHeads() {
    const at = x(player.state.at);
    if (at >= GUTTER - 1 && at <= GUTTER + width() + 1) {
      paint.fillStyle = css("--accent");
      paint.fillRect(at - 1, 0, 2, loudTop() + LOUD);
    }
  }

  function showKey() {
    const parts = [["dashed", "F0 and loudness of the source"], ["solid", `what ${stage.data.voice} will have`]];
    if (stage.data.span) {
      const [low, high] = stage.data.span;
      parts.push(["hatched", `outside its range, ${notes.noteName(Math.round(notes.midi(low)))} to ${notes.noteName(Math.round(notes.midi(high)))} (${Math.round(low)} to ${Math.round(high)} Hz)`]);
    }
    root.querySelector(".key").replaceChildren(...parts.map(([name, text]) => Object.assign(document.createElement("span"), { className: name, textContent: text })));
  }

  makeZoom(stage);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (stage.image && stage.image.complete) stage.picture = tinted(stage.image);
    draw();
  });
  stage.say = (text) => { root.querySelector(".readout").textContent = text; };
  stage.gutter = GUTTER;
  return stage;
}
