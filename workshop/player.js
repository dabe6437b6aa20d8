"use strict";
// Source and conversion, one of which sounds: the other goes on at the same instant, as loud.
function makePlayer(root, onMove) {
  const [sourceButton, resultButton] = root.querySelectorAll("[data-side]");
  const buttons = { source: sourceButton, result: resultButton };
  const play = root.querySelector(".play");
  const time = root.querySelector(".time");
  const sounds = { source: new Audio(), result: new Audio() };
  const state = { side: "source", at: 0, playing: false, length: 0 };

  const position = () => (state.playing ? sounds[state.side].currentTime : state.at);

  function load({ source, result }, volumes, length) {
    pause();
    const keep = state.length === length ? state.at : 0;
    state.length = length;
    state.at = keep;
    for (const [side, address] of Object.entries({ source, result })) {
      const audio = sounds[side];
      if (address && audio.dataset.address !== address) { audio.src = address; audio.dataset.address = address; audio.preload = "auto"; }
      if (!address) { audio.removeAttribute("src"); delete audio.dataset.address; }
      audio.volume = volumes[side === "source" ? 0 : 1];
      buttons[side].disabled = !address;
    }
    if (!result && state.side === "result") state.side = "source";
    show();
  }

  function start() {
    const audio = sounds[state.side];
    if (!audio.dataset.address) return;
    if (state.at >= state.length - 0.02) state.at = 0;
    audio.currentTime = state.at;
    state.playing = true;
    const started = audio.play();
    if (started) started.catch((error) => { if (error.name !== "AbortError") fail(); });
    show();
    requestAnimationFrame(follow);
  }

  function pause() {
    if (state.playing) state.at = position();
    state.playing = false;
    for (const audio of Object.values(sounds)) if (!audio.paused) audio.pause();
    show();
  }

  function fail() {
    state.playing = false;
    show();
    time.textContent = "cannot be played";
  }

  function choose(side, andPlay = state.playing) {
    if (buttons[side].disabled) return;
    pause();
    state.side = side;
    if (andPlay) start(); else show();
  }

  function seek(seconds) {
    state.at = Math.min(Math.max(0, seconds), state.length);
    if (state.playing) sounds[state.side].currentTime = state.at;
    show();
  }

  function follow() {
    if (!state.playing) return;
    state.at = position();
    show();
    requestAnimationFrame(follow);
  }

  function show() {
    play.classList.toggle("playing", state.playing);
    play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
    for (const [side, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(state.side === side));
    time.textContent = `${state.at.toFixed(2)} / ${state.length.toFixed(2)} s`;
    onMove(state.at);
  }

  play.addEventListener("click", () => (state.playing ? pause() : start()));
  for (const [side, button] of Object.entries(buttons)) button.addEventListener("click", () => choose(side));
  for (const audio of Object.values(sounds)) {
    root.append(audio); // in the page, so that the system's media keys and tests find it
    audio.addEventListener("ended", () => {
      if (audio !== sounds[state.side]) return;
      state.playing = false;
      state.at = state.length;
      show();
    });
    audio.addEventListener("error", () => { if (state.playing && audio === sounds[state.side]) fail(); });
  }
  const toggle = () => (state.playing ? pause() : start());
  return { load, choose, seek, toggle, pause, state, position };
}
