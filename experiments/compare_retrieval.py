"""Convert with units moved towards the target's own: what that does to words, and to whose voice it is.

    python -m experiments.compare_retrieval kathleen --dataset demo --own WAVS/kathleen \\
        --input WAVS/strangers --texts texts.csv --target_dir WAVS/target --setting 2000:4:0 --setting all:4:1

Retrieval as in kNN-VC (Baas et al., Interspeech 2023) and in RVC's index: each content unit goes a fraction
of the way to the mean of the nearest of the target's own units. --own are recordings of the target, with no
line that is said in --input or --target_dir. A setting is how many centroids of their units are kept ("all":
the units themselves), how many of them are near, and the fraction. WER and CER are of all words and
characters together.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import audio
from common import cli, progress
from conversion.files import find_sources
from evaluation.metrics import normalise_text
from evaluation.pair import error_rates
from evaluation.scorers import Scorers, Target
from evaluation.texts import read_texts
from experiments.tables import markdown

if TYPE_CHECKING:
    import torch

    from conversion.converter import VoiceConverter
    from conversion.stages import Analysed

ALL = "all"
COLUMNS = ("WER %", "CER %", "similarity", "to the source", "nearer to the target %", "moved")


class Setting(NamedTuple):
    """centroids: how many, 0 for the units themselves; near: of these; fraction: of the way to their mean."""

    centroids: int
    near: int
    fraction: float

    def __str__(self) -> str:
        return f"{self.centroids or ALL}:{self.near}:{self.fraction:g}"


def setting(text: str) -> Setting:
    """As it is written on the command line."""
    try:
        kept, near, fraction = text.split(":")
        found = Setting(0 if kept == ALL else int(kept), int(near), float(fraction))
    except ValueError:
        found = None
    if not found or found.centroids < 0 or found.near < 1 or not 0 <= found.fraction <= 1:
        raise argparse.ArgumentTypeError(f"expected CENTROIDS:NEAR:FRACTION like 2000:4:0.3, found {text!r}")
    return found


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("vbank", type=cli.voice, help="voice: out/<vbank>/acoustic/model-best.pt")
    parser.add_argument("--dataset", type=cli.voice, help="encoders out/<dataset> (default: the voice's own)")
    own = parser.add_argument_group("the target")
    own.add_argument("--own", type=cli.path, required=True, help="recordings of it")
    own.add_argument("--files", type=int, default=300, help="of them, at most (%(default)s)")
    own.add_argument("--target_dir", type=cli.path, help="others of it, for the similarity")
    given = parser.add_argument_group("what is converted")
    given.add_argument("--input", type=cli.path, required=True, help="an audio file, or a folder")
    given.add_argument("--texts", type=cli.path, help="CSV with columns path and text, for WER and CER")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--setting", type=setting, action="append", required=True, help="CENTROIDS:NEAR:FRACTION"
    )
    how.add_argument("--seed", type=int, default=0, help="of files and centroids (%(default)s)")
    return parser.parse_args()


def own_units(converter: VoiceConverter, args: argparse.Namespace) -> torch.Tensor:
    """Content units [M, D] of the target's recordings."""
    import torch

    files = sorted(find_sources(args.own))
    chosen = random.Random(args.seed).sample(files, min(args.files, len(files)))
    shown = progress.each(chosen, "units of the target", unit="file")
    return torch.cat([converter.analyse(audio.load(path)).analysis.content[0].cpu() for path in shown])


def centroids(units: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Units [M, D] -> their k-means [count, D], rounded as a voice would hold them; 0: all of them."""
    if not count:
        return units
    import torch
    from sklearn.cluster import MiniBatchKMeans

    fit = MiniBatchKMeans(count, batch_size=4096, n_init=1, max_iter=30, random_state=seed)
    return torch.from_numpy(fit.fit(units.numpy()).cluster_centers_.astype(np.float16).astype(np.float32))


def retrieved(units: torch.Tensor, own: torch.Tensor, near: int, fraction: float) -> torch.Tensor:
    """Units [N, D] moved a fraction of the way to the mean of the `near` nearest of own [M, D]."""
    import torch

    nearest = torch.cdist(units, own).topk(min(near, len(own)), largest=False).indices
    return units + fraction * (own[nearest].mean(dim=1) - units)


def with_units(source: Analysed, units: torch.Tensor) -> Analysed:
    """A source that says what these units [N, D] say."""
    content = units[None].to(source.analysis.content)
    return replace(source, analysis=source.analysis._replace(content=content))


def measure(
    wav: np.ndarray, made: np.ndarray, text: str | None, scorers: Scorers, target: Target | None
) -> dict[str, float]:
    """Figures of a conversion [S'] of [S], and how many words and characters they are of."""
    known = normalise_text(text or "")
    wer, cer = error_rates(made, scorers, text)
    return scorers.similarities(wav, made, target) | {
        "wer": wer,
        "cer": cer,
        "words": len(known.split()),
        "characters": len(known),
    }


def row(files: list[dict[str, float]]) -> list[str]:
    """A line of the table but for its name."""

    def together(rate: str, weight: str) -> float:
        known = [f for f in files if f[weight]]
        weights = [f[weight] for f in known]
        return 100 * float(np.average([f[rate] for f in known], weights=weights)) if known else np.nan

    def mean(name: str) -> float:
        return float(np.mean([f[name] for f in files]))

    return [
        f"{together('wer', 'words'):.1f}",
        f"{together('cer', 'characters'):.1f}",
        f"{mean('speaker_similarity'):.3f}",
        f"{mean('kept_similarity'):.3f}",
        f"{100 * mean('nearer_target'):.0f}",
        f"{mean('moved'):.3f}",
    ]


def main() -> int:
    args = parse_args()
    from common.devices import choose_device
    from conversion.converter import VoiceConverter

    converter = VoiceConverter.load(args.vbank, args.dataset, device=choose_device(None))
    sources, scorers = sorted(find_sources(args.input)), Scorers(progress.say)
    texts = read_texts(sources, args.texts, progress.say)
    target = None
    if args.target_dir:
        target = scorers.target(sorted(find_sources(args.target_dir)), args.target_dir.as_posix())
    units = own_units(converter, args)
    spread = units.var(dim=0).mean()
    kept = {count: centroids(units, count, args.seed) for count in {s.centroids for s in args.setting}}
    found: dict[Setting, list] = {each: [] for each in args.setting}
    for path in progress.each(sources, "conversions", unit="file"):
        wav = audio.load(path)
        source = converter.analyse(wav)
        before = source.analysis.content[0].cpu()
        for each in args.setting:
            after = retrieved(before, kept[each.centroids], each.near, each.fraction)
            made = converter.synthesise(converter.edit(with_units(source, after)))
            figures = measure(wav, made, texts[path], scorers, target)
            found[each].append(figures | {"moved": float((after - before).square().mean() / spread)})
    print(f"{len(sources)} recordings; {len(units)} units of the target\n")
    print(markdown(["setting", *COLUMNS], [[str(each), *row(files)] for each, files in found.items()]))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
