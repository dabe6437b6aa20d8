"use strict";
// Names of notes: 440 Hz is number 69, A4.
const notes = (() => {
  const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
  const midi = (hz) => 69 + 12 * Math.log2(hz / 440);
  const hertz = (number) => 440 * 2 ** ((number - 69) / 12);
  const noteName = (number) => `${NAMES[((number % 12) + 12) % 12]}${Math.floor(number / 12) - 1}`;
  return { midi, hertz, noteName };
})();
