"use strict";
// A stage that is looked at: a click is where it plays from, the keys are those of a player.
function makeViewer(element, props, watch) {
  const stage = makeStage(element);
  const { canvas, player } = stage;
  const KEYS = {
    " ": player.toggle,
    a: () => player.choose("source"),
    b: () => player.choose("result"),
    arrowleft: () => player.seek(player.position() - 0.1),
    arrowright: () => player.seek(player.position() + 0.1),
    home: () => player.seek(0),
    end: () => player.seek(player.state.length),
    "+": () => stage.zoom(1.6),
    "-": () => stage.zoom(1 / 1.6),
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (stage.data && event.offsetX >= stage.gutter) player.seek(stage.seconds(event.offsetX));
  });
  canvas.addEventListener("keydown", (event) => {
    const action = KEYS[event.key.toLowerCase()];
    if (!stage.data || !action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  watch("value", () => stage.update(props.value));
  stage.update(props.value);
}
