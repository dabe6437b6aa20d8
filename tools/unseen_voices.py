"""Gather voices that no model here is trained on, to measure label models and conversions with.

    python -m tools.unseen_voices WAVS/unseen --per_voice 24

Two sources, both from Debian: `apt-get install flite asterisk-core-sounds-{en,es,fr,it,ru}-g722`. flite
speaks sentences written for this project with four voices. The telephone prompts (en, es and fr CC-BY-SA 3.0;
it and ru CC-BY 3.0) are four people in five languages, decoded with the package G722 (requirements-eval.txt).
OUT gets one folder a voice, texts.csv with what flite and the English prompts say, and phones.json with
flite's phones and where each ends.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from audio import SAMPLE_RATE
from common import cli, progress

FLITE_VOICES = ("kal16", "awb", "rms", "slt")
SENTENCES = (
    "The ferry leaves at seven, whether or not the fog has lifted.",
    "Why did nobody tell the gardener about the broken gate?",
    "Bring two lemons, a bag of flour, and the blue bowl from the shelf.",
    "After the concert we walked home along the frozen canal.",
    "My grandmother could whistle every tune she had ever heard.",
    "He folded the map twice and put it under the heavy lamp.",
    "Nothing moved in the valley except the shadow of a cloud.",
    "Would you rather have the window seat or the one by the door?",
    "The violin was older than the house in which it hung.",
    "Turn left at the bakery and follow the road up the hill.",
    "A thin layer of dust covered the books on the top floor.",
    "They measured the depth of the well with a rope and a stone.",
    "Every morning the same grey cat waits outside the office.",
    "We were told to keep the engine running until midnight.",
    "Please write your name on the back of the photograph.",
    "How many of these boxes still need to be carried upstairs?",
)
BYTES_PER_SECOND = 8000  # G.722 at 64 kbit/s
SHORTEST, LONGEST = 2.5, 10.0  # seconds; a single word says little about a melody
ENGLISH = "en_"  # how the folders of English telephone voices begin
NOT_SPEECH = ("beep", "tone", "silence", "tt-")


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("out", type=cli.path, help="folder to fill")
    parser.add_argument(
        "--asterisk", type=cli.path, default=Path("/usr/share/asterisk/sounds"), help="%(default)s"
    )
    parser.add_argument(
        "--scripts",
        type=cli.path,
        default=Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"),
        help="what the English prompts say (%(default)s)",
    )
    parser.add_argument("--per_voice", type=int, default=24, help="telephone prompts a voice (%(default)s)")
    return parser.parse_args()


Phones = list[tuple[str, float]]


def speak(out: Path) -> list[tuple[str, str, Phones]]:
    """flite's lines as wavs; (path below out, text, phones with their ends in seconds) of each."""
    program = shutil.which("flite")
    if program is None:
        raise cli.UserError("flite: not found; install it (Debian: apt-get install flite)")
    rows = []
    for voice in progress.each(FLITE_VOICES, "flite", unit="voice"):
        folder = out / f"flite-{voice}"
        folder.mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(SENTENCES):
            # The voice is in the name, too: results of one folder differ by their names alone.
            path = folder / f"{voice}-{number:02d}.wav"
            command = [program, "-voice", voice, "-psdur", "-t", text, "-o", str(path)]
            said = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split()
            phones = [(phone, float(end)) for phone, _, end in (word.partition(":") for word in said)]
            rows.append((path.relative_to(out).as_posix(), text, phones))
    return rows


def scripts(path: Path) -> dict[str, str]:
    """{prompt: what it says} of Debian's list, without its stage directions; empty where there is no list."""
    if not path.is_file():
        return {}
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        lines = [line.partition(":") for line in file if not line.startswith(";")]
    said = {name.strip(): re.sub(r"\[.*?\]|\(.*?\)", "", text).strip(' \n"') for name, _, text in lines}
    return {name: text for name, text in said.items() if text}


def decode(voice: Path, folder: Path, count: int) -> list[Path]:
    """`count` prompts of one telephone voice, evenly over the alphabet; the files written."""
    import soundfile
    from G722 import G722

    sizes = {p: p.stat().st_size / BYTES_PER_SECOND for p in sorted(voice.rglob("*.g722"))}
    fit = [p for p, s in sizes.items() if SHORTEST <= s <= LONGEST and not p.stem.startswith(NOT_SPEECH)]
    folder.mkdir(parents=True, exist_ok=True)
    chosen = fit[:: max(1, len(fit) // count)][:count]
    written = [folder / f"{path.stem}.wav" for path in chosen]
    for path, out in zip(chosen, written, strict=True):
        samples = np.array(G722(SAMPLE_RATE, 64000).decode(path.read_bytes()), dtype=np.int16)
        soundfile.write(out, samples, SAMPLE_RATE)
    return written


def main() -> int:
    args = parse_args()
    rows = speak(args.out)
    print(f"flite: {len(rows)} lines of {len(FLITE_VOICES)} voices")
    ends = {path: phones for path, _, phones in rows}
    (args.out / "phones.json").write_text(json.dumps(ends), encoding="utf-8")
    texts = [row[:2] for row in rows]
    said = scripts(args.scripts)
    voices = [p for p in sorted(args.asterisk.glob("*")) if p.is_dir() and not p.is_symlink()]
    for voice in progress.each(voices, "telephone", unit="voice"):
        prompts = decode(voice, args.out / voice.name, args.per_voice)
        progress.write(f"{voice.name}: {len(prompts)} prompts")
        if voice.name.startswith(ENGLISH):
            known = [path for path in prompts if path.stem in said]
            texts += [(path.relative_to(args.out).as_posix(), said[path.stem]) for path in known]
    with (args.out / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "text"), *texts])
    if not voices:
        print(f"{args.asterisk}: no telephone voices; install asterisk-core-sounds-*-g722 for them")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
