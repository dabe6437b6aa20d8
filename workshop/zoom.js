"use strict";
// Which part of the recording a stage shows: buttons, a slider, the wheel, and the playhead when it leaves it.
function makeZoom(stage) {
  const scroll = stage.root.querySelector(".scroll");

  function show(from, to) {
    const length = stage.data.seconds;
    const span = Math.min(length, Math.max(0.25, to - from));
    stage.view.from = Math.min(Math.max(0, from), length - span);
    stage.view.to = stage.view.from + span;
    scroll.disabled = span >= length - 1e-6;
    scroll.max = Math.max(0.001, length - span);
    scroll.value = stage.view.from;
    stage.draw();
  }

  stage.zoom = (factor, around = (stage.view.from + stage.view.to) / 2) => {
    if (!stage.data) return;
    const { from, to } = stage.view;
    show(around - (around - from) / factor, around + (to - around) / factor);
  };
  stage.reveal = (seconds) => {
    const span = stage.view.to - stage.view.from;
    if (seconds < stage.view.from || seconds > stage.view.to) show(seconds - span * 0.1, seconds + span * 0.9);
  };

  stage.follow = () => {
    if (stage.data && stage.player.state.playing) stage.reveal(stage.player.state.at);
  };

  for (const button of stage.root.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => stage.zoom(button.dataset.zoom > 0 ? 1.6 : 1 / 1.6));
  }
  scroll.addEventListener("input", () => {
    const span = stage.view.to - stage.view.from;
    if (stage.data) show(Number(scroll.value), Number(scroll.value) + span);
  });
  stage.canvas.addEventListener("wheel", (event) => {
    if (!stage.data || !(event.ctrlKey || event.shiftKey)) return;
    event.preventDefault();
    const span = stage.view.to - stage.view.from;
    if (event.ctrlKey) stage.zoom(event.deltaY < 0 ? 1.25 : 0.8, stage.seconds(event.offsetX));
    else show(stage.view.from + Math.sign(event.deltaY || event.deltaX) * span * 0.1, stage.view.to + Math.sign(event.deltaY || event.deltaX) * span * 0.1);
  }, { passive: false });
}
