"use strict";
// What a stroke does to the curve of a stage. edit.tool: which tool makes it; near: a unit that there is.
function makeStrokes(stage, edit, [LOWEST, HIGHEST], near) {
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  const moved = (curve, [first, stop], semitones) => {
    for (let k = first; k < stop; k += 1) {
      stage.sung.hz[k] = notes.hertz(clamp(notes.midi(curve.hz[k]) + semitones, LOWEST, HIGHEST));
    }
  };
  const louder = (curve, [first, stop], db) => {
    for (let k = first; k < stop; k += 1) stage.sung.db[k] = clamp(curve.db[k] + db, -80, 20);
  };

  // From where the stroke was to where it is: called for each unit on the way, with its share of the way.
  function along(from, to, work) {
    const [a, b] = [near(from.unit), near(to.unit)];
    const ways = Math.max(1, Math.abs(b - a));
    for (let k = 0; k <= ways; k += 1) work(a + Math.round(((b - a) * k) / ways), b === a ? 1 : k / ways);
  }

  function extend(stroke, to) {
    const { before, from, loud } = stroke;
    const last = stroke.last;
    if (edit.tool === "select") {
      const [a, b] = [near(from.unit), near(to.unit)].sort((one, other) => one - other);
      stage.selection = Math.abs(to.px - from.px) < 4 ? null : [a, b + 1];
    } else if (edit.tool === "drag") {
      if (loud) louder(before, stroke.range, to.db - from.db);
      else moved(before, stroke.range, to.whole ? Math.round(to.note - from.note) : to.note - from.note);
    } else if (edit.tool === "draw") {
      along(last, to, (unit, share) => {
        if (loud) stage.sung.db[unit] = clamp(last.db + (to.db - last.db) * share, -80, 20);
        else {
          stage.sung.hz[unit] = notes.hertz(clamp(last.note + (to.note - last.note) * share, LOWEST, HIGHEST));
          stage.sung.voiced[unit] = 1;
        }
      });
    } else if (edit.tool === "erase") {
      along(last, to, (unit) => {
        if (loud) stage.sung.db[unit] = stage.data.sung.db[unit];
        else stage.sung.voiced[unit] = 0;
      });
    }
    stroke.last = to;
  }

  return { moved, louder, extend };
}
