// Players: one sounds at a time, and another voice goes on at the same instant of the source. Plain audio elements,
// because a page from disk may neither fetch its sounds nor route them through Web Audio. (iOS leaves the volume to the
// user; there conversions are as loud as infer.py made them, which is as loud as their source.)
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const phone = matchMedia("(max-width: 50rem)");
  const pictures = makePictures(data.voices);
  const items = [...document.querySelectorAll(".item")].map(makeItem);
  const bar = document.getElementById("bar");
  const say = (text) => { document.getElementById("status").textContent = text; };
  let active = null;

  function makeItem(element, index) {
    const tracks = [...element.querySelectorAll("audio")].map((audio, at) => ({ audio, ...data.items[index][at] }));
    const item = { element, index, tracks, chosen: 0, at: 0, playing: false, plot: null };
    item.name = element.querySelector("h2").textContent;
    item.length = Math.max(...tracks.map((track) => track.start + track.seconds));
    item.playButton = element.querySelector(".play");
    item.time = element.querySelector(".time");
    return item;
  }

  const track = (item) => item.tracks[item.chosen];
  const visible = () => items.filter((item) => !item.element.hidden);
  const buttonOf = (item, at = item.chosen) => item.element.querySelector(`.voices [data-track="${at}"]`);
  const voiceOf = (item) => buttonOf(item).dataset.voice;
  const length = (item) => item.length || track(item).audio.duration || 0;

  // ---- playing

  function prepare(item) {
    for (const { audio } of item.tracks) if (audio.preload !== "auto") audio.preload = "auto";
  }

  function seekAudio(item) {
    const { audio, start } = track(item);
    const wanted = Math.max(0, item.at - start);
    audio.currentTime = wanted;
    if (audio.readyState === 0) {
      audio.addEventListener("loadedmetadata", () => {
        if (Math.abs(audio.currentTime - wanted) > 0.05) audio.currentTime = wanted;
      }, { once: true });
    }
  }

  function activate(item) {
    if (active === item) return;
    if (active) { pause(active); active.element.classList.remove("current"); }
    active = item;
    const focused = document.activeElement.closest(".item"); // Safari leaves it where it was when a button is pressed
    if (focused && focused !== item.element) item.playButton.focus({ preventScroll: true });
    item.element.classList.add("current");
    prepare(item);
    const shown = visible();
    for (const other of [shown[shown.indexOf(item) - 1], shown[shown.indexOf(item) + 1]]) if (other) prepare(other);
    showBar();
  }

  function play(item) {
    activate(item);
    if (item.at >= length(item) - 0.02) item.at = 0;
    seekAudio(item);
    const { audio, volume } = track(item);
    audio.volume = volume;
    item.playing = true;
    show(item);
    const started = audio.play();
    if (started) started.catch((error) => { if (error.name !== "AbortError") fail(item, audio); });
    requestAnimationFrame(follow);
  }

  function pause(item) {
    if (item.playing) item.at = position(item);
    item.playing = false;
    for (const { audio } of item.tracks) if (!audio.paused) audio.pause();
    show(item);
  }

  function fail(item, audio) {
    if (!item.playing || track(item).audio !== audio) return;
    item.playing = false;
    show(item);
    item.time.textContent = "cannot be played: the file is missing, or the browser does not know its format";
  }

  const position = (item) => (item.playing ? track(item).audio.currentTime + track(item).start : item.at);

  function follow() {
    if (!active || !active.playing) return;
    active.at = position(active);
    showPosition(active);
    requestAnimationFrame(follow);
  }

  function choose(item, at, start = true) {
    activate(item);
    const going = item.playing;
    pause(item);
    item.chosen = at;
    if (going || start) play(item); else show(item);
    say(`${buttonOf(item).textContent.replace(/^\d/, "")}, ${item.name}`);
  }

  function seek(item, seconds) {
    activate(item);
    item.at = Math.min(Math.max(0, seconds), length(item));
    if (item.playing) seekAudio(item);
    showPosition(item);
  }

  function press(item, key) {
    const button = item.element.querySelector(`.voices [data-key="${key}"]:not([hidden])`);
    if (!button) return;
    if ("missing" in button.dataset) { showCommand(item, button.dataset.voice); return; }
    if (item.element.querySelector(".voices").contains(document.activeElement)) button.focus();
    choose(item, Number(button.dataset.track));
  }

  function showCommand(item, voice) {
    const details = item.element.querySelector(".missing");
    details.open = true;
    const line = [...details.querySelectorAll(".command")].find((one) => one.dataset.voice === voice);
    line.querySelector("button").focus();
    line.scrollIntoView({ block: "nearest" });
  }

  function step(item, by) {
    const shown = visible();
    const next = shown[Math.min(Math.max(0, shown.indexOf(item) + by), shown.length - 1)];
    if (!next || next === item) return;
    const [going, voice] = [item.playing, voiceOf(item)];
    const same = [...next.element.querySelectorAll(".voices [data-track]:not([hidden])")].find((b) => b.dataset.voice === voice);
    next.at = 0;
    choose(next, same ? Number(same.dataset.track) : next.chosen, going);
    next.playButton.focus({ preventScroll: true });
    next.element.scrollIntoView({ block: "nearest" });
  }

  // ---- what is shown

  function show(item) {
    const { playing, playButton } = item;
    playButton.classList.toggle("playing", playing);
    playButton.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${item.name}`);
    for (const one of item.element.querySelectorAll(".voices [data-track]")) {
      one.setAttribute("aria-pressed", String(Number(one.dataset.track) === item.chosen));
    }
    for (const row of item.element.querySelectorAll("tbody tr")) {
      row.classList.toggle("chosen", Number(row.dataset.track) === item.chosen);
    }
    if (item.plot) pictures.drawTrack(item);
    showPosition(item);
    if (item === active) showBar();
  }

  function showPosition(item) {
    const total = length(item);
    if (total) item.time.textContent = `${item.at.toFixed(1)} / ${total.toFixed(1)} s`;
    if (item.plot) pictures.showPosition(item);
  }

  function showBar() {
    bar.hidden = !active;
    if (!active || !phone.matches) return;
    const play = active.playButton.cloneNode(true);
    play.addEventListener("click", () => toggle(active));
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = active.name;
    const voices = active.element.querySelector(".voices").cloneNode(true);
    const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    bar.replaceChildren(play, name, voices);
    if (focused !== undefined) bar.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  function toggle(item) {
    if (item.playing) pause(item); else play(item);
  }

  // ---- filters

  const filter = { kind: "", voice: "" };

  function applyFilter() {
    for (const item of items) {
      const kinds = item.element.dataset.kinds.split(";");
      const buttons = [...item.element.querySelectorAll(".voices [data-key]")];
      const has = !filter.voice || buttons.some((b) => b.dataset.voice === filter.voice && !("missing" in b.dataset));
      item.element.hidden = !has || Boolean(filter.kind && !kinds.includes(filter.kind));
      for (const button of buttons) {
        button.hidden = Boolean(filter.voice && button.dataset.voice && button.dataset.voice !== filter.voice);
      }
      for (const row of item.element.querySelectorAll("tbody tr")) {
        row.hidden = Boolean(filter.voice) && buttonOf(item, row.dataset.track).hidden;
      }
      if (buttonOf(item).hidden) {
        if (item.playing) pause(item);
        item.chosen = 0;
      }
      show(item);
    }
    if (active && active.element.hidden) pause(active);
    document.getElementById("nothing").hidden = visible().length > 0;
    if (active) showBar();
  }

  // ---- what the user does

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const box = button.closest(".item");
    const item = box ? items[Number(box.dataset.item)] : active;
    if (button.dataset.filter !== undefined) {
      filter[button.dataset.filter] = button.dataset.value;
      for (const one of button.parentNode.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
      applyFilter();
    } else if (button.classList.contains("play") && box) {
      toggle(item);
    } else if (button.classList.contains("copy")) {
      copy(button);
    } else if ("missing" in button.dataset) {
      showCommand(item, button.dataset.voice);
    } else if (button.dataset.track !== undefined) {
      const at = Number(button.dataset.track);
      if (item === active && item.playing && item.chosen === at) pause(item); else choose(item, at);
    }
  });

  async function copy(button) {
    const line = button.parentNode.querySelector("code");
    try {
      await navigator.clipboard.writeText(line.textContent);
    } catch {
      getSelection().selectAllChildren(line);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, audio")) return;
    const control = event.target.closest("button, summary, a");
    const box = event.target.closest(".item");
    const item = box ? items[Number(box.dataset.item)] : active || visible()[0];
    if (!item) return;
    const own = control && !control.matches(".play") && !(control.getAttribute("aria-pressed") === "true" && control.closest(".item, #bar"));
    const actions = {
      " ": own ? null : () => toggle(item),
      ArrowLeft: () => seek(item, position(item) - 1),
      ArrowRight: () => seek(item, position(item) + 1),
      ArrowUp: () => step(item, -1),
      ArrowDown: () => step(item, 1),
    };
    if (event.target.getAttribute("role") === "slider") {
      actions.Home = () => seek(item, 0);
      actions.End = () => seek(item, length(item));
    }
    const action = /^[0-9]$/.test(event.key) ? () => press(item, event.key) : actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (event.repeat && !event.key.startsWith("Arrow")) return;
    action();
  });

  for (const item of items) {
    for (const { audio } of item.tracks) {
      audio.controls = false;
      audio.addEventListener("ended", () => {
        if (!item.playing || track(item).audio !== audio) return;
        item.playing = false;
        item.at = length(item);
        show(item);
      });
      audio.addEventListener("error", () => fail(item, audio));
      audio.addEventListener("pause", () => {  // by the system: a call, a headset's button
        if (item.playing && track(item).audio === audio && !audio.ended) pause(item);
      });
    }
    show(item);
  }
  phone.addEventListener("change", showBar);
  document.documentElement.classList.add("js");
  const near = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting) pictures.draw(items[Number(one.target.dataset.item)], seek);
  }, { rootMargin: "600px" });
  for (const item of items) near.observe(item.element);
  if (items.length && phone.matches) activate(items[0]);
})();
