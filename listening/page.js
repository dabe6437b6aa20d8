"use strict";
// Players: one sounds at a time, and another voice goes on at the same instant of the source. Plain audio elements,
// because a page from disk may neither fetch its sounds nor route them through Web Audio.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const phone = matchMedia("(max-width: 50rem)");
  const items = [...document.querySelectorAll(".item")].map(makeItem);
  const bar = document.getElementById("bar");
  const say = (text) => { document.getElementById("status").textContent = text; };
  let active = null;

  function makeItem(element, index) {
    const tracks = [...element.querySelectorAll("audio")].map((audio, at) => ({ audio, ...data.items[index][at] }));
    const item = { element, index, tracks, chosen: 0, at: 0, playing: false, plot: null };
    item.name = element.querySelector("h2").textContent;
    item.length = Math.max(...tracks.map((track) => track.start + track.seconds));
    item.voices = ["", ...data.voices.map((voice) => voice.name)];
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

  function step(by) {
    const shown = visible();
    if (!shown.length) return;
    const place = shown.indexOf(active);
    const next = shown[Math.min(Math.max(0, place + by), shown.length - 1)];
    if (next === active) return;
    const going = active && active.playing;
    const voice = active ? voiceOf(active) : "";
    const same = [...next.element.querySelectorAll(".voices [data-track]:not([hidden])")].find((b) => b.dataset.voice === voice);
    if (active) pause(active);
    next.at = 0;
    choose(next, same ? Number(same.dataset.track) : next.chosen, Boolean(going));
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
    if (item.plot) drawTrack(item);
    showPosition(item);
    if (item === active) showBar();
  }

  function showPosition(item) {
    const total = length(item);
    const share = total ? Math.min(1, item.at / total) : 0;
    if (total) item.time.textContent = `${item.at.toFixed(1)} / ${total.toFixed(1)} s`;
    if (!item.plot) return;
    item.plot.querySelector(".head").style.left = `calc(2.6rem + (100% - 2.6rem) * ${share})`;
    item.plot.setAttribute("aria-valuenow", item.at.toFixed(1));
    item.plot.setAttribute("aria-valuetext", `${item.at.toFixed(1)} of ${total.toFixed(1)} seconds`);
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

  // ---- pictures: spectrum above, melody below, one time axis

  const octave = Math.log2;
  const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
  const midi = (hz) => 69 + 12 * octave(hz / 440);
  const noteName = (number) => `${NAMES[((number % 12) + 12) % 12]}${Math.floor(number / 12) - 1}`;

  function draw(item) {
    if (item.plot || !item.tracks.some((one) => one.picture)) return;
    const plot = document.getElementById("picture").content.cloneNode(true).firstElementChild;
    item.plot = plot;
    item.top = Math.max(...item.tracks.map((one) => one.top));
    const hz = item.tracks.flatMap((one) => one.f0.hz).filter((f0) => f0 > 0).map(midi).sort((a, b) => a - b);
    const [low, high] = hz.length ? [hz[Math.floor(hz.length * 0.005)], hz[Math.floor((hz.length - 1) * 0.995)]] : [48, 60];
    const spare = Math.max(0, 9 - (high - low)) / 2;
    item.low = low - spare - 1.5;
    item.high = high + spare + 1.5;
    const every = item.high - item.low > 26 ? 12 : item.high - item.low > 13 ? 6 : 3;
    const notes = [];
    for (let n = Math.ceil(item.low / every) * every; n < item.high; n += every) notes.push(n);
    const height = (note) => 1 - (note - item.low) / (item.high - item.low);
    scale(plot.querySelector(".melody"), notes.map((n) => [height(n), noteName(n)]));
    const kilo = item.top > 10000 ? [0, 5, 10, 15, 20] : [0, 2, 4, 6, 8];
    scale(plot.querySelector(".spectrum"), kilo.filter((k) => k * 1000 < item.top * 0.98).map((k) => [1 - (k * 1000) / item.top, String(k)]));
    const lines = plot.querySelector(".lines");
    for (const n of notes) {
      const line = document.createElementNS(lines.namespaceURI, "line");
      for (const [name, value] of [["x1", 0], ["x2", item.length], ["y1", height(n)], ["y2", height(n)]]) line.setAttribute(name, value);
      lines.append(line);
    }
    plot.querySelector("svg").setAttribute("viewBox", `0 0 ${item.length} 1`);
    plot.querySelector(".melody .source").setAttribute("d", path(item, item.tracks[0], height));
    for (const [name, value] of [["role", "slider"], ["tabindex", "0"], ["aria-label", `Position in ${item.name}`],
      ["aria-valuemin", "0"], ["aria-valuemax", item.length.toFixed(1)]]) plot.setAttribute(name, value);
    const place = (event) => {
      const box = plot.querySelector(".spectrum").getBoundingClientRect();
      return ((event.clientX - box.left) / box.width) * item.length;
    };
    plot.addEventListener("pointerdown", (event) => { if (event.button === 0) seek(item, place(event)); });
    plot.addEventListener("pointermove", (event) => {
      if (event.buttons === 1 && event.pointerType === "mouse") seek(item, place(event));
    });
    const key = document.createElement("p");
    key.className = "key";
    item.element.querySelector(".picture").replaceChildren(plot, key);
    drawTrack(item);
    showPosition(item);
  }

  function scale(lane, marks) {
    for (const [height, text] of marks) {
      const mark = document.createElement("span");
      mark.style.top = `${height * 100}%`;
      mark.textContent = text;
      lane.querySelector(".scale").append(mark);
    }
  }

  function path(item, one, height) {
    const { step, hz } = one.f0;
    let text = "";
    let before = 0;
    hz.forEach((f0, i) => {
      if (f0 > 0) {
        const x = (one.start + (i + 0.5) * step).toFixed(3);
        const jump = before > 0 && Math.abs(octave(f0 / before)) > 0.4;
        text += `${before > 0 && !jump ? "L" : "M"}${x} ${height(midi(f0)).toFixed(4)}${before > 0 && !jump ? "" : "h0.001"}`;
      }
      before = f0;
    });
    return text;
  }

  function drawTrack(item) {
    const one = track(item);
    const height = (note) => 1 - (note - item.low) / (item.high - item.low);
    const ink = item.plot.querySelector(".ink");
    const image = one.picture ? `url("${one.picture}")` : "none";
    ink.style.setProperty("-webkit-mask-image", image);
    ink.style.setProperty("mask-image", image);
    ink.style.height = `${(100 * one.top) / item.top}%`;
    ink.style.left = `${(100 * one.start) / item.length}%`;
    ink.style.right = `${100 * (1 - (one.start + one.seconds) / item.length)}%`;
    const voice = data.voices.find(({ name }) => name && name === voiceOf(item));
    const converted = item.plot.querySelector(".converted");
    converted.setAttribute("d", voice ? path(item, one, height) : "");
    converted.parentNode.setAttribute("class", voice ? `voice-${voice.mark % 8}` : "");
    const beyond = item.plot.querySelector(".beyond");
    beyond.replaceChildren();
    if (voice && voice.span) {
      for (const [top, bottom] of [[0, height(midi(voice.span[1]))], [height(midi(voice.span[0])), 1]]) {
        if (bottom <= top || bottom <= 0 || top >= 1) continue;
        const area = document.createElementNS(beyond.namespaceURI, "rect");
        for (const [name, value] of [["x", 0], ["width", item.length], ["y", top], ["height", bottom - top]]) area.setAttribute(name, value);
        beyond.append(area);
      }
    }
    drawKey(item, voice, beyond.childNodes.length > 0);
  }

  function drawKey(item, voice, limited) {
    const parts = [["voice-source", "F0 of the source"]];
    if (voice) parts.push([`voice-${voice.mark % 8}`, `of ${voice.name}`]);
    if (limited) parts.push(["beyond", "outside its range"]);
    item.element.querySelector(".key").replaceChildren(...parts.map(([name, text]) => {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      return part;
    }));
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
        show(item);
      }
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
    const item = active || visible()[0];
    if (!item) return;
    const own = control && !control.matches(".play") && !(control.getAttribute("aria-pressed") === "true" && control.closest(".item, #bar"));
    const actions = {
      " ": own ? null : () => toggle(item),
      ArrowLeft: () => seek(item, position(item) - 1),
      ArrowRight: () => seek(item, position(item) + 1),
      ArrowUp: () => step(-1),
      ArrowDown: () => step(1),
    };
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
    for (const one of seen) if (one.isIntersecting) draw(items[Number(one.target.dataset.item)]);
  }, { rootMargin: "600px" });
  for (const item of items) near.observe(item.element);
  if (items.length && phone.matches) activate(items[0]);
})();
