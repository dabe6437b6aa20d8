"use strict";
// A stage that is drawn on. Strokes are made here; smoothing, notes and vibrato are conversion/curve_edits.py's, and
// what is synthesised is infer.py's, from a prosody file.
function makeEditor(element, props, watch, server) {
  const stage = makeStage(element);
  const { root, canvas, player } = stage;
  const tools = makeToolbar(root);
  const [LOWEST, HIGHEST, MOST_UNDO] = [notes.midi(20), notes.midi(2000), 200];
  const MOST_LIVE = 30; // seconds of a recording that is synthesised after each change, unless the user wants it
  const edit = { tool: "drag", undo: [], redo: [], stroke: null, number: 0, saved: "", busy: false, again: false };
  const copy = (curve) => ({ hz: [...curve.hz], voiced: [...curve.voiced], db: [...curve.db] });
  const count = () => stage.sung.hz.length;
  const near = (unit) => Math.min(count() - 1, Math.max(0, unit));

  // ---- what was done

  function remember(before) {
    edit.undo.push(before);
    if (edit.undo.length > MOST_UNDO) edit.undo.shift();
    edit.redo = [];
  }

  function changed() {
    stage.draw();
    describe();
    tools.enable({ undo: edit.undo.length > 0, redo: edit.redo.length > 0 });
    if (tools.live()) sing();
    else stage.say(`${stage.root.querySelector(".readout").textContent} · not synthesised yet`);
  }

  function step(from, to) {
    if (!from.length) return;
    to.push(copy(stage.sung));
    stage.sung = from.pop();
    changed();
  }

  function restore() {
    remember(copy(stage.sung));
    const [first, stop] = reach();
    for (let k = first; k < stop; k += 1) for (const part of ["hz", "voiced", "db"]) stage.sung[part][k] = stage.data.sung[part][k];
    changed();
  }

  // ---- what a stroke or a key is about

  // The selection; or the voiced stretch around a unit; or that unit.
  function around(unit) {
    if (stage.selection && unit >= stage.selection[0] && unit < stage.selection[1]) return stage.selection;
    let [first, stop] = [unit, unit + 1];
    while (stage.sung.voiced[unit] && first > 0 && stage.sung.voiced[first - 1]) first -= 1;
    while (stage.sung.voiced[unit] && stop < count() && stage.sung.voiced[stop]) stop += 1;
    return [first, stop];
  }
  const reach = () => stage.selection || [0, count()];
  const atCursor = () => stage.selection || around(near(edit.cursor ?? 0));

  const { moved, louder, extend } = makeStrokes(stage, edit, [LOWEST, HIGHEST], near);

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    return { px, unit: stage.unit(px), note: stage.note(py), db: stage.db(py), loud: stage.inLoudness(py), whole: event.shiftKey };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!stage.sung || event.button > 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    const from = place(event);
    if (from.px < stage.gutter) return;
    canvas.setPointerCapture(event.pointerId);
    edit.cursor = near(from.unit);
    edit.stroke = { before: copy(stage.sung), from, last: from, loud: from.loud, range: around(near(from.unit)), moved: false };
    player.seek(stage.seconds(from.px));
    if (edit.tool === "draw" || edit.tool === "erase") extend(edit.stroke, from);
    stage.draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stage.sung) return;
    const to = place(event);
    if (!edit.stroke) { if (to.px >= stage.gutter) { describe(near(to.unit)); } return; }
    extend(edit.stroke, to);
    edit.cursor = near(to.unit);
    stage.draw();
    describe();
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => {
    const stroke = edit.stroke;
    edit.stroke = null;
    if (!stroke) return;
    if (edit.tool === "select" || JSON.stringify(stroke.before) === JSON.stringify(stage.sung)) { stage.draw(); describe(); return; }
    remember(stroke.before);
    changed();
  });

  // ---- keys

  function keyed(work) {
    remember(copy(stage.sung));
    work(copy(stage.sung), atCursor());
    changed();
  }

  function walk(units, extending) {
    const before = edit.cursor ?? 0;
    edit.cursor = near(before + units);
    if (extending) {
      const anchor = (edit.anchor = edit.anchor ?? before);
      stage.selection = [Math.min(anchor, edit.cursor), Math.max(anchor, edit.cursor) + 1];
    } else edit.anchor = null;
    player.seek(stage.secondsOf(edit.cursor));
    stage.reveal(stage.secondsOf(edit.cursor));
    stage.draw();
    describe();
  }

  const KEYS = {
    " ": player.toggle, a: () => player.choose("source"), b: () => player.choose("result"),
    "+": () => stage.zoom(1.6), "-": () => stage.zoom(1 / 1.6),
    escape: () => { stage.selection = null; edit.anchor = null; stage.draw(); },
    delete: () => keyed((_, [first, stop]) => stage.sung.voiced.fill(0, first, stop)),
    backspace: () => KEYS.delete(),
    "[": () => keyed((curve, range) => louder(curve, range, -1)), "]": () => keyed((curve, range) => louder(curve, range, 1)),
    home: () => walk(-count()), end: () => walk(count()), pageup: () => walk(-10), pagedown: () => walk(10),
    m: () => act("smooth"), n: () => act("snap"), v: () => act("vibrato"), r: restore, enter: () => sing(),
    1: () => choose("drag"), 2: () => choose("draw"), 3: () => choose("erase"), 4: () => choose("select"),
  };

  root.addEventListener("keydown", (event) => {
    if (!stage.sung || event.altKey || (event.target !== canvas && !event.ctrlKey && !event.metaKey)) return;
    const key = event.key.toLowerCase();
    let action = KEYS[key];
    if (event.ctrlKey || event.metaKey) {
      action = { z: () => (event.shiftKey ? step(edit.redo, edit.undo) : step(edit.undo, edit.redo)), y: () => step(edit.redo, edit.undo),
        a: () => { stage.selection = [0, count()]; stage.draw(); } }[key];
    } else if (key === "arrowleft" || key === "arrowright") {
      action = () => walk(key === "arrowleft" ? -1 : 1, event.shiftKey);
    } else if (key === "arrowup" || key === "arrowdown") {
      const cents = (event.shiftKey ? 100 : 10) * (key === "arrowup" ? 1 : -1);
      action = () => keyed((curve, range) => moved(curve, range, cents / 100));
    }
    if (!action) return;
    event.preventDefault();
    action();
  });

  // ---- what Python does

  async function ask(name, more = {}) {
    let answer;
    try {
      answer = await server[name]({ number: stage.data.number, curve: stage.sung, ...more });
    } catch (error) {
      answer = { error: `the workshop does not answer (${error.message || error}); is it still running?` };
    }
    root.querySelector(".readout").classList.toggle("trouble", Boolean(answer.error));
    if (answer.error) stage.say(answer.error);
    return answer.error ? null : answer;
  }

  async function act(action) {
    const [first, stop] = reach();
    const before = copy(stage.sung);
    const answer = await ask("change", { action, first, stop, cents: tools.cents() });
    if (!answer) return;
    remember(before);
    stage.sung = answer.curve;
    changed();
  }

  // One synthesis at a time; what was changed meanwhile is synthesised after it.
  async function sing() {
    if (!stage.sung) return;
    if (edit.busy) { edit.again = true; return; }
    edit.busy = true;
    tools.busy(true);
    const slow = setTimeout(() => stage.say("synthesising …"), 700);
    do {
      edit.again = false;
      const number = stage.data.number;
      const answer = await ask("sing");
      if (answer && stage.data.number === number) {
        const { playing } = player.state;
        stage.data.sounds.result = answer.sounds.result;
        player.load(stage.data.sounds, answer.volumes, stage.data.seconds);
        player.choose("result", playing);
        stage.say(`synthesised in ${answer.took.toFixed(2)} s${answer.notes.length ? ` · ${answer.notes.join(" · ")}` : ""}`);
        root.dataset.sung = String(Number(root.dataset.sung || 0) + 1);
      }
    } while (edit.again);
    clearTimeout(slow);
    edit.busy = false;
    tools.busy(false);
  }

  async function save(kind) {
    const answer = await ask("save", { kind });
    if (!answer) return;
    const link = Object.assign(document.createElement("a"), { href: answer.url, download: answer.name });
    link.click();
    stage.say(`${answer.name} saved`);
  }

  async function read(file) {
    const before = copy(stage.sung);
    const answer = await ask("read", { text: await file.text(), name: file.name });
    if (!answer) return;
    remember(before);
    stage.sung = answer.curve;
    stage.fit();
    changed();
  }

  // ---- what is said

  function describe(unit = edit.cursor) {
    if (unit === null || unit === undefined || !stage.sung) return;
    const number = notes.midi(stage.sung.hz[unit]);
    const cents = Math.round((number - Math.round(number)) * 100);
    const pitch = stage.sung.voiced[unit]
      ? `${notes.noteName(Math.round(number))} ${cents < 0 ? "−" : "+"}${Math.abs(cents)} ct, ${stage.sung.hz[unit].toFixed(1)} Hz`
      : "unvoiced";
    const chosen = stage.selection ? ` · ${stage.selection[1] - stage.selection[0]} frames selected` : "";
    root.querySelector(".readout").classList.remove("trouble");
    stage.say(`${stage.secondsOf(unit).toFixed(2)} s · ${pitch} · ${stage.sung.db[unit].toFixed(1)} dB${chosen}`.replace("-", "−"));
  }

  stage.onPaint = (paint) => {
    if (edit.cursor === undefined || edit.cursor === null || document.activeElement !== canvas) return;
    const px = stage.x(stage.secondsOf(edit.cursor));
    paint.fillStyle = getComputedStyle(root).getPropertyValue("--accent");
    paint.beginPath();
    paint.moveTo(px - 6, 0);
    paint.lineTo(px + 6, 0);
    paint.lineTo(px, 9);
    paint.fill();
  };

  function choose(tool) {
    edit.tool = root.dataset.tool = tool;
    tools.choose(tool);
  }

  tools.connect({
    choose, smooth: () => act("smooth"), snap: () => act("snap"), vibrato: () => act("vibrato"), restore,
    undo: () => step(edit.undo, edit.redo), redo: () => step(edit.redo, edit.undo), sing,
    csv: () => save("csv"), wav: () => save("wav"), read,
  });
  root.classList.add("drawing");
  choose("drag");

  function take() {
    const value = props.value;
    if (!value || !value.number || !value.picture) return;
    stage.open(value);
    Object.assign(edit, { undo: [], redo: [], cursor: null, anchor: null, stroke: null });
    stage.selection = null;
    tools.enable({ undo: false, redo: false });
    tools.setLive(value.seconds <= MOST_LIVE);
    if (tools.live()) sing();
    else stage.say(`${Math.round(value.seconds)} s long: press Enter, or synthesise, to hear what is drawn`);
  }
  watch("value", take);
  take();
  window.addEventListener("beforeunload", () => player.pause());
  return { stage, edit };
}
