"use strict";
// The editor's tools and buttons.
function makeToolbar(root) {
  const bar = root.querySelector(".toolbar");
  const DRAWN = { // paths in a square of 24
    drag: "M12 3v18M8 7l4-4 4 4M8 17l4 4 4-4", draw: "M4 20l4-1 11-11-3-3L5 16z", erase: "M8 20h12M4 14l8-9 7 6-8 9H8z",
    select: "M5 4v16M19 4v16M9 12h6", undo: "M8 5L4 9l4 4M4 9h10a5 5 0 010 10h-3", redo: "M16 5l4 4-4 4M20 9H10a5 5 0 000 10h3",
  };
  const icon = (name) => (DRAWN[name] ? `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${DRAWN[name]}"/></svg>` : "");
  const tool = (name, key, title) => `<button type="button" role="radio" data-tool="${name}" aria-checked="false" title="${title} (${key})">${icon(name)}${name}</button>`;
  const button = (name, text, title) => `<button type="button" data-act="${name}" title="${title}">${icon(name)}${text}</button>`;
  bar.innerHTML = `
    <div class="set" role="radiogroup" aria-label="Tool">
      ${tool("drag", 1, "Move a stretch of the melody or of the loudness up and down; with Shift by whole semitones")}
      ${tool("draw", 2, "Draw the melody or the loudness")}
      ${tool("erase", 3, "Make it unvoiced; below: loudness as it was")}
      ${tool("select", 4, "Choose a part for the buttons and keys")}
    </div>
    <div class="set" role="group" aria-label="Undo">
      ${button("undo", "undo", "Undo (Ctrl+Z)")}${button("redo", "redo", "Redo (Ctrl+Y)")}
    </div>
    <div class="set" role="group" aria-label="On the selection, or on all">
      ${button("smooth", "smooth", "Smooth melody and loudness (M)")}
      ${button("snap", "snap to notes", "Each note onto the nearest semitone (N)")}
      ${button("restore", "restore", "As it was when it was opened (R)")}
    </div>
    <div class="set" role="group" aria-label="Vibrato">
      <label>vibrato <input type="range" min="0" max="150" step="5" value="40" aria-label="Depth of the vibrato, cents"><output>±40 ct</output></label>
      ${button("vibrato", "apply", "Give the selection, or all, a vibrato of this depth; 0 makes notes straight (V)")}
    </div>
    <div class="set" role="group" aria-label="Sound and files">
      ${button("sing", "synthesise", "Synthesise what is drawn (Enter)")}
      <label><input type="checkbox" checked data-live> after each change</label>
      ${button("wav", "save wav", "Save the conversion")}
      ${button("csv", "save curve", "Save the curve as CSV, as --prosody_out does")}
      ${button("read", "open curve", "Open a curve, as --prosody_in does")}<input type="file" accept=".csv,text/csv" hidden>
    </div>`;
  bar.hidden = false;
  const depth = bar.querySelector('input[type="range"]');
  const file = bar.querySelector('input[type="file"]');
  const named = (name) => bar.querySelector(`[data-act="${name}"]`);
  depth.addEventListener("input", () => { bar.querySelector("output").textContent = depth.value > 0 ? `±${depth.value} ct` : "straight"; });

  function connect(actions) {
    bar.addEventListener("click", (event) => {
      const pressed = event.target.closest("button");
      if (!pressed) return;
      if (pressed.dataset.tool) actions.choose(pressed.dataset.tool);
      else if (pressed.dataset.act === "read") file.click();
      else actions[pressed.dataset.act]();
    });
    bar.querySelector('[role="radiogroup"]').addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const all = [...bar.querySelectorAll("[data-tool]")];
      const next = all[(all.indexOf(document.activeElement) + by + all.length) % all.length];
      actions.choose(next.dataset.tool);
      next.focus();
    });
    file.addEventListener("change", () => {
      if (file.files.length) actions.read(file.files[0]);
      file.value = "";
    });
  }

  return {
    connect,
    choose(name) {
      for (const one of bar.querySelectorAll("[data-tool]")) {
        one.setAttribute("aria-checked", String(one.dataset.tool === name));
        one.tabIndex = one.dataset.tool === name ? 0 : -1;
      }
    },
    enable(states) { for (const [name, on] of Object.entries(states)) named(name).disabled = !on; },
    busy(on) { named("sing").setAttribute("aria-busy", String(on)); },
    cents: () => Number(depth.value),
    live: () => bar.querySelector("[data-live]").checked,
    setLive(on) { bar.querySelector("[data-live]").checked = on; },
  };
}
