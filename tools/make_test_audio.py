"""Make the demo sources in test/: synthetic voices from low to high, several languages, one sung melody.

    python -m tools.make_test_audio --out test

Needs the programs flite and espeak-ng (Debian: apt-get install flite espeak-ng); the sung melody needs numpy
alone. Every sentence was written for this project. The same programs give the same bytes on every run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import audio
from audio import SAMPLE_RATE
from common import cli, progress

PEAK = 0.7  # full scale, so that loud frames keep clear of clipping
EDGE_SECONDS = 0.12  # silence kept before and after the speech

# name: (program, its options, text)
SPEECH = {
    "kal_low": (
        "flite",
        "-voice kal16 --setf int_f0_target_mean=85",
        "Put the lantern by the door, and wait until I come back.",
    ),
    "awb_scottish": ("flite", "-voice awb", "Seven grey geese flew over the quiet loch."),
    "rms_deep": (
        "flite",
        "-voice rms --setf int_f0_target_mean=90",
        "My brother bought a yellow bicycle on Friday.",
    ),
    "slt_clear": ("flite", "-voice slt", "Could you tell me how far away the old bridge is?"),
    "slt_high": (
        "flite",
        "-voice slt --setf int_f0_target_mean=240 --setf int_f0_target_stddev=60",
        "Oh, what a wonderful surprise this is!",
    ),
    "loud_quiet": (
        "flite",
        "-voice slt --setf duration_stretch=1.1",
        "First I call out loud, then I speak low, and then I call again.",
    ),
    "english_bass": (
        "espeak-ng",
        "-v en-gb+m3 -p 10 -s 150",
        "Below the hill, the river runs slow and brown.",
    ),
    "german": ("espeak-ng", "-v de+m7 -p 45 -s 150", "Morgen früh fahren wir mit dem Rad ans Meer."),
    "french_high": ("espeak-ng", "-v fr+f3 -p 60 -s 150", "La petite fille chante sous la pluie du matin."),
    "spanish_child": ("espeak-ng", "-v es+f5 -p 95 -s 150", "¿Dónde está mi gato? ¡Aquí, debajo de la mesa!"),
    # The name that the example commands convert; a synthetic sentence, not the recording of that name.
    "BAC009S0724W0121": (
        "espeak-ng",
        "-v cmn-latn-pinyin+f1 -p 50 -s 140",
        "jin1tian1 tian1qi4 hen3 hao3, wo3men5 qu4 gong1yuan2 ba5.",
    ),
    # Kana as they are spoken: espeak-ng reads the particle は as "ha".
    "こんにちは": ("espeak-ng", "-v ja+f2 -p 55 -s 140", "こんにちわ、きょうわ、いい、てんき、ですね。"),
}

# Seconds and dB: loud, quiet, loud, with slopes that a dynamics unit can follow.
LOUD_QUIET = [(0.0, 0.0), (0.30, 0.0), (0.42, -24.0), (0.62, -24.0), (0.75, 0.0), (1.0, 0.0)]

# The sung melody: (MIDI note, vowel, beats), G3 (196 Hz) up to G5 (784 Hz) and down again.
MELODY = [
    (55, "a", 1), (59, "e", 1), (62, "i", 1), (67, "o", 2), (71, "a", 1), (74, "u", 1),
    (79, "a", 3), (76, "o", 1), (72, "e", 1), (67, "a", 1), (64, "i", 1), (55, "a", 3),
]  # fmt: skip
BEAT_SECONDS = 0.28
VIBRATO_HZ, VIBRATO_CENTS, VIBRATO_ONSET = 5.6, 45.0, 0.15
GLIDE_SECONDS = 0.05  # portamento between notes, also the time of a vowel change
FORMANTS = {  # Hz, a singing woman's vowels
    "a": (850, 1250, 2800, 3800, 4900),
    "e": (480, 2150, 2900, 3900, 4900),
    "i": (330, 2600, 3200, 3900, 4900),
    "o": (500, 880, 2750, 3700, 4900),
    "u": (360, 760, 2650, 3700, 4900),
}
FORMANT_WIDTHS = (80, 100, 140, 200, 260)  # Hz
# Amplitudes fall as 1 / harmonic^0.5: with 1, and five poles falling too, nothing is left above 4 kHz.
SOURCE_TILT = 0.5


def synthesise(program: str, options: str, text: str, out: Path) -> None:
    """Speak `text` into the wav `out`; raises CalledProcessError with the program's own words."""
    if program == "flite":
        command = ["flite", *options.split(), "-t", text, "-o", str(out)]
    else:
        command = ["espeak-ng", *options.split(), "-w", str(out), text]
    subprocess.run(command, check=True, capture_output=True)


def with_level(wav, peak: float = PEAK):
    """[S] -> trimmed of silence, scaled to `peak`, with EDGE_SECONDS of silence at both ends."""
    loud = np.flatnonzero(np.abs(wav) > 0.01 * np.abs(wav).max())
    edge = np.zeros(int(EDGE_SECONDS * SAMPLE_RATE), dtype=np.float32)
    spoken = wav[loud[0] : loud[-1] + 1] * (peak / np.abs(wav).max())
    return np.concatenate([edge, spoken, edge]).astype(np.float32)


def loud_and_quiet(wav):
    """Apply the gain curve LOUD_QUIET, its points being shares of the length, to [S]."""
    points, gains_db = zip(*LOUD_QUIET, strict=True)
    gain_db = np.interp(np.linspace(0.0, 1.0, len(wav)), points, gains_db)
    return (wav * 10.0 ** (gain_db / 20)).astype(np.float32)


def melody_curves():
    """F0 in Hz [S], formants in Hz [S, 5] and amplitude [S] of MELODY at 16 kHz."""
    lengths = [int(beats * BEAT_SECONDS * SAMPLE_RATE) for _, _, beats in MELODY]
    notes = np.repeat([float(note) for note, _, _ in MELODY], lengths)
    formants = np.repeat([FORMANTS[vowel] for _, vowel, _ in MELODY], lengths, axis=0).astype(float)
    since_onset = np.concatenate([np.arange(n) for n in lengths]) / SAMPLE_RATE
    until_next = np.concatenate([np.arange(n, 0, -1) for n in lengths]) / SAMPLE_RATE

    window = np.hanning(int(2 * GLIDE_SECONDS * SAMPLE_RATE))
    window /= window.sum()
    notes = smooth(notes, window)
    formants = np.stack([smooth(column, window) for column in formants.T], axis=1)
    depth = np.clip((since_onset - VIBRATO_ONSET) / 0.15, 0.0, 1.0) * VIBRATO_CENTS / 100
    notes += smooth(depth, window) * np.sin(2 * np.pi * VIBRATO_HZ * np.arange(len(notes)) / SAMPLE_RATE)

    # A dip at each note's end parts the notes without stopping the voice.
    amplitude = 1.0 - 0.6 * np.exp(-((np.minimum(since_onset, until_next) / 0.03) ** 2))
    amplitude[-2400:] *= np.linspace(1.0, 0.0, 2400)
    amplitude[:800] *= np.linspace(0.0, 1.0, 800)
    return 440.0 * 2.0 ** ((notes - 69.0) / 12.0), formants, amplitude


def smooth(curve, window):
    """Convolve [S] with a window of sum 1, the ends held."""
    half = len(window) // 2
    return np.convolve(np.pad(curve, (half, len(window) - 1 - half), mode="edge"), window, mode="valid")


def sing():
    """Additive singing, [S] at 16 kHz: harmonics of a glottal source weighted by a vowel's formants.

    The formants are a cascade of second-order resonances (Klatt, JASA 67(3), 1980), evaluated
    at each harmonic's momentary frequency.
    """
    f0, formants, amplitude = melody_curves()
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    wav = np.zeros(len(f0))
    for harmonic in range(1, int(0.47 * SAMPLE_RATE / f0.min()) + 1):
        frequency = harmonic * f0
        gain = np.clip((0.47 * SAMPLE_RATE - frequency) / 300.0, 0.0, 1.0) / harmonic**SOURCE_TILT
        for index, width in enumerate(FORMANT_WIDTHS):
            centre = formants[:, index]
            gain = gain / np.hypot(1.0 - (frequency / centre) ** 2, width * frequency / centre**2)
        wav += gain * np.sin(harmonic * phase)
    breath = np.random.default_rng(5).normal(size=len(wav)) * 0.002 * np.abs(wav).max()
    # The cascade is louder where a harmonic meets a formant; a slow gain evens the notes as a singer does.
    level = np.sqrt(smooth(wav**2, np.full(1601, 1 / 1601))) + 1e-6
    return ((wav + smooth(breath, np.array([0.25, 0.5, 0.25]))) * (amplitude / level**0.7)).astype(np.float32)


def make_all(out: Path) -> list[str]:
    """Write every source into `out`; returns what could not be made, a sentence each."""
    missing = []
    audio.save(out / "sung_melody.wav", with_level(sing()))
    with tempfile.TemporaryDirectory() as folder:
        for name, (program, options, text) in progress.each(SPEECH.items(), "sentences"):
            if shutil.which(program) is None:
                missing.append(f"{name}.wav: the program {program} is not installed")
                continue
            raw = Path(folder) / "speech.wav"
            synthesise(program, options, text, raw)
            wav = with_level(audio.load(raw))
            audio.save(out / f"{name}.wav", loud_and_quiet(wav) if name == "loud_quiet" else wav)
    return missing


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("--out", type=Path, default=Path("test"), help="folder to write to (default: test)")
    args = parser.parse_args()
    missing = make_all(args.out)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    print(f"{len(SPEECH) + 1 - len(missing)} wavs in {args.out}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
