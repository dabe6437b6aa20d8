"""Make labels, mels or units from a folder of wavs, into data/<name>/."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import cli
import prompts
import stale
from audio import SAMPLE_RATE
from datafolder import SPLIT, DataFolder, save_array
from parallel import each_file, guarded

ENCODE_SECONDS = {"cpu": 60, "cuda": 480}  # audio in one padded batch


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="data set or voice bank; everything goes to data/<name>/")
    parser.add_argument("--wavs", type=cli.path, help="folder of recordings, needed the first time")
    verb = parser.add_mutually_exclusive_group(required=True)
    verb.add_argument("--pitdyn", action="store_true", help="pitch and loudness classes, to pits/ and dyns/")
    verb.add_argument("--mel", action="store_true", help="log-mels, to mels/")
    verb.add_argument("--encode", metavar="DATASET", help="units of DATASET's encoder, to units-pitdyn/")
    verb.add_argument("--discrete", action="store_true", help="k-means content classes, to units-discrete/")
    verb.add_argument("--show_qt", action="store_true", help="draw labels over spectrograms, to show_qt/")
    parser.add_argument("--config", type=cli.path, help="preset (default: configs/base.toml)")
    parser.add_argument("--force", action="store_true", help="redo what is there already, from the wavs on")
    parser.add_argument(
        "--n_workers", type=int, default=os.cpu_count(), help="processes (default: all cores)"
    )
    parser.add_argument("--device", help="for --encode and layer features: cpu, cuda, …")
    split = parser.add_argument_group(
        "split.json (train, val, test; whole prompts on one side); once made it stays, new wavs join it"
    )
    split.add_argument("--seed", type=int, help="of split and k-means (default: 1234)")
    split.add_argument("--val_share", type=float, help="share of the prompts (default: 0.05)")
    split.add_argument("--test_share", type=float, help="share of the prompts never trained on (default: 0)")
    split.add_argument(
        "--prompts", type=cli.path, help="CSV with columns path and prompt, to know takes of one prompt"
    )
    encode = parser.add_argument_group("--encode and --discrete")
    encode.add_argument(
        "--encode_with",
        choices=("hubert", "tracker", "none"),
        default="hubert",
        help="who hears pitch and loudness: the trained models, an F0 tracker, or nobody, as in Soft-VC "
        "(default: %(default)s)",
    )
    encode.add_argument("--content", type=cli.path, help="content encoder (default: see README)")
    encode.add_argument(
        "--features", default="mfcc", help="mfcc, CHECKPOINT:LAYER, or a folder of 50 Hz .npy"
    )
    encode.add_argument("--clusters", type=int, default=100, help="k-means classes (default: %(default)s)")
    encode.add_argument("--fit_frames", type=int, default=200_000, help="frames k-means sees (%(default)s)")
    moved = parser.add_argument_group(
        "moved copies of the training recordings, with --mel or --encode; for voices known from one pitch"
    )
    moved.add_argument(
        "--augment_pitch", type=plus_minus, metavar="ST", help="pitch moved within ± so many semitones"
    )
    moved.add_argument(
        "--augment_gain", type=plus_minus, metavar="DB", help="loudness moved within ± so many dB"
    )
    moved.add_argument("--augment_copies", type=int, metavar="N", help="of each recording (default: 4)")
    show = parser.add_argument_group("--show_qt")
    show.add_argument("--count", type=int, default=4, help="how many files to draw (default: %(default)s)")
    show.add_argument("--window", action="store_true", help="open the pictures in a window too")
    return parser.parse_args()


def plus_minus(text: str) -> float:
    """argparse type: 12 or ±12."""
    value = float(text.lstrip("±"))
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {text}")
    return value


def todo(folder: DataFolder, keys: Iterable[str], kinds: list[str]) -> list[str]:
    """Keys for which one of the kinds is missing."""
    return [k for k in keys if not all(folder.path(kind, k).is_file() for kind in kinds)]


def finish(folder: DataFolder, total: int, kinds: str, done: int, failures: list[tuple[str, str]]) -> int:
    """The closing lines and exit code that all verbs share."""
    skipped = total - done - len(failures)
    print(f"{folder.root}: {kinds} of {done} files made, {skipped} there already, {len(failures)} failed")
    return cli.report_failures(failures, total)


def label_file(root: Path, labels: dict, key: str) -> None:
    """Raw F0 and loudness of one wav, and their classes."""
    import numpy as np

    import audio
    from hubert_pitdyn import pitch
    from hubert_pitdyn.labels import DynLabels, PitLabels, track_options

    folder, pit, dyn = DataFolder(root), labels["pit"], labels["dyn"]
    wav = folder.prepared(key)
    f0 = pitch.track(wav, **track_options(pit))
    db = audio.loudness(wav, centred=dyn["centred"])
    folder.save("f0", key, f0)
    folder.save("loudness", key, db)
    folder.save("pits", key, PitLabels.from_dict(pit).encode(f0).astype(np.uint8))
    folder.save("dyns", key, DynLabels.from_dict(dyn).encode(db, audio.active_level(db)).astype(np.uint8))


def make_labels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--pitdyn: labels, and statistics of all of them."""
    from hubert_pitdyn import pitch

    labels = config["labels"]
    labels["pit"]["tracker"] = pitch.resolve(labels["pit"]["tracker"], print)
    before = (folder.read_json("stats.json") or {}).get("labels")
    kinds = ["f0", "loudness", "pits", "dyns"]
    references = ["reference-*"] if args.force else []  # of evaluate.py heads: F0 too, by other trackers
    stale.begin(folder, "stats.json", [*kinds, *references], before, labels, args.force)
    keys = todo(folder, folder.files, kinds)
    made, failures = each_file(partial(label_file, folder.root, labels), keys, args.n_workers, "labels")
    write_stats(folder, labels)
    return finish(folder, len(folder.files), "labels", len(made), failures)


def write_stats(folder: DataFolder, labels: dict) -> None:
    """stats.json, which the code reads, and stats.txt, for people."""
    import audio
    from hubert_pitdyn.labels import DynLabels, PitLabels
    from hubert_pitdyn.stats import Stats

    stats = Stats(PitLabels.from_dict(labels["pit"]), DynLabels.from_dict(labels["dyn"]))
    for key in folder.have("pits"):
        db = folder.read("loudness", key)
        stats.add(folder.read("f0", key), db, audio.active_level(db))
    stale.end(folder, "stats.json", {"labels": labels, **stats.to_dict()})
    (folder.root / "stats.txt").write_text(stats.to_text(), encoding="utf-8")
    print(stats.to_text(), end="")


def copy(
    folder: DataFolder, args: argparse.Namespace, tracker: str, redo: bool = False
) -> list[tuple[str, str]]:
    """--augment_pitch, --augment_gain: moved copies of the training recordings; without them as before.

    Returns (whose copies, why) of those that failed.
    """
    from acoustic import moved
    from hubert_pitdyn import pitch

    tracker = pitch.resolve(tracker)
    wanted = moved.settings(
        folder, tracker, pitch=args.augment_pitch, gain=args.augment_gain, copies=args.augment_copies
    )
    if wanted is None:
        return []
    moved.plan(folder, wanted)
    missing = moved.missing(folder, redo)
    make = partial(moved.make, folder.root, partial(pitch.track, tracker=tracker), redo)
    made, failures = each_file(make, missing, args.n_workers, "copies")
    if folder.copies:
        already = len(folder.copies) - sum(map(len, missing.values()))
        print(f"{folder.root}: {sum(made.values())} moved copies made, {already} there already")
    return [(f"copies of {key}", reason) for key, reason in failures]


def mel_file(root: Path, level_db: float, key: str) -> None:
    """Log-mel [128, T] of one wav, at the level at which all mels are."""
    import audio

    folder = DataFolder(root)
    folder.save("mels", key, audio.log_mel(audio.set_level(folder.prepared(key), level_db)).numpy())


def make_mels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--mel."""
    now = {"level_db": config["audio"]["level_db"]}
    stale.begin(folder, "mels.json", ["mels"], folder.read_json("mels.json"), now, args.force)
    uncopied = copy(folder, args, config["labels"]["pit"]["tracker"], args.force)
    keys = todo(folder, folder.with_copies, ["mels"])
    made, failures = each_file(partial(mel_file, folder.root, now["level_db"]), keys, args.n_workers, "mels")
    stale.end(folder, "mels.json", now)
    print(f"{folder.hours(folder.have('mels')):.2f} hours")
    total = len(folder.with_copies) + len(uncopied)
    return finish(folder, total, "mels", len(made), failures + uncopied)


def make_units(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--encode: units [N, 768], and the prosody [N, 2] (F0 in Hz, dB) that the encoder hears."""
    from tqdm import tqdm

    import stages
    from devices import choose_device

    device = choose_device(args.device)
    parts = stages.load_encoder(config, args.encode, args.content, device=device, pitdyn=args.encode_with)
    before, kinds = folder.read_json("encoder.json"), ["units-pitdyn", "prosody"]
    now = {"pitdyn": args.encode_with, **{role: card["hash"] for role, card in parts.cards.items()}}
    stale.begin(folder, "encoder.json", kinds, before and made_with(before), now, args.force)
    # Copies that --mel has made stay, with --force too: their mels are of these.
    uncopied = copy(folder, args, config["labels"]["pit"]["tracker"])
    sizes, failures = {}, []
    for key in tqdm(todo(folder, folder.with_copies, kinds), desc="prepare", disable=None):
        wav, reason = guarded(folder.prepared, key)
        if reason:
            failures.append((key, reason))
        else:
            sizes[key] = len(wav)
    unmade = encode_files(folder, parts, sizes, ENCODE_SECONDS.get(device.type, 60) * SAMPLE_RATE)
    write_encoder(folder, args, parts)
    total, done = len(folder.with_copies) + len(uncopied), len(sizes) - len(unmade)
    return finish(folder, total, "units", done, failures + unmade + uncopied)


def encode_files(folder: DataFolder, parts, sizes: dict[str, int], budget: int) -> list[tuple[str, str]]:
    """Units and prosody of {key: samples}, in batches of at most `budget` samples; returns (key, reason) of
    those that failed. Of a batch that fails, each is tried alone: memory may do for it."""
    import numpy as np
    from tqdm import tqdm

    from hubert_pitdyn.units import encode_all, length_buckets

    def encode(keys: list[str]) -> None:
        batch = {key: sizes[key] for key in keys}
        for key, units, analysis in encode_all(parts.encoder, folder.prepared, batch, budget):
            folder.save("prosody", key, parts.prosody(analysis))
            # Half precision halves the disk; its rounding is a thousandth of a unit's own scatter.
            folder.save("units-pitdyn", key, units.astype(np.float16))

    failures = []
    with tqdm(total=len(sizes), desc="units", disable=None) as progress:
        for keys in length_buckets(sizes, budget):
            if guarded(encode, keys)[1]:
                reasons = [(key, guarded(encode, [key])[1]) for key in keys]
                failures += [(key, reason) for key, reason in reasons if reason]
            progress.update(len(keys))
    return failures


def made_with(about: dict) -> dict[str, str]:
    """What decides on the units of an encoder.json."""
    hashes = {role: card["hash"] for role, card in about["encoders"].items()}
    return {"pitdyn": about.get("pitdyn", "hubert"), **hashes}


def write_encoder(folder: DataFolder, args: argparse.Namespace, parts) -> None:
    """encoder.json: which encoder made the units, the range of pitch and loudness it heard (with copies), and
    percentiles of the recordings' pitch (without)."""
    import numpy as np

    recorded = [folder.read("prosody", key) for key in folder.have("units-pitdyn")]
    if not recorded:
        return
    copies = [folder.read("prosody", key) for key in folder.copies if folder.path("prosody", key).is_file()]
    f0, db = np.concatenate([*recorded, *copies]).T
    voiced = f0[f0 > 0]
    own = np.concatenate(recorded)[:, 0]
    percentiles = (1, 5, 50, 95, 99)
    stale.end(
        folder,
        "encoder.json",
        {
            "dataset": args.encode,
            "pitdyn": args.encode_with,
            "unit_dim": parts.encoder.unit_dim,
            "encoders": parts.cards,
            "labels": parts.tables,
            "f0_hz": [float(x) for x in np.percentile(voiced, (1, 99))] if len(voiced) else None,
            "f0_percentiles_hz": {
                str(q): float(np.percentile(own[own > 0], q)) for q in percentiles if (own > 0).any()
            },
            "loudness_db": [float(x) for x in np.percentile(db, (1, 99))],
        },
    )


def make_discrete(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--discrete: k-means on the training files' features, then the class of every frame of every file."""
    import numpy as np

    import features
    from hubert_pitdyn import discrete

    before, centres = folder.read_json("units-discrete.json"), folder.root / "kmeans.npy"
    seed = SPLIT["seed"] if args.seed is None else args.seed
    about = {"features": args.features, "clusters": args.clusters, "seed": seed}
    about |= {"fit_frames": args.fit_frames, **features.weights(args.features)}
    before = before and {**about, **before}  # folders of earlier versions do not tell all
    redo = args.force or not centres.is_file()
    stale.begin(folder, "units-discrete.json", ["units-discrete", "kmeans.npy"], before, about, redo)
    keys = todo(folder, folder.files, ["units-discrete"])
    extract = partial(features.of_file, folder.root, args.features, args.device)
    workers = args.n_workers if args.features == "mfcc" else 1
    made, failures = each_file(extract, keys, workers, "features")
    if not centres.is_file():
        training = set((folder.read_json("split.json") or {})["train"])
        pool = [frames for key, frames in made.items() if key in training]
        if not pool:
            return cli.report_failures(failures, len(folder.files))
        pool = np.concatenate(pool)
        chosen = np.random.default_rng(seed).permutation(len(pool))[: args.fit_frames]
        save_array(centres, discrete.fit(pool[chosen], args.clusters, seed))
    for key, frames in made.items():
        folder.save("units-discrete", key, discrete.assign(frames, np.load(centres)).astype(np.int16))
    stale.end(folder, "units-discrete.json", about)
    return finish(folder, len(folder.files), "discrete units", len(made), failures)


def show_labels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--show_qt: quantised labels over the spectrogram of a few files, as pictures."""
    import plots
    from hubert_pitdyn.labels import DynLabels, PitLabels

    labels = folder.stats()["labels"]
    pit, dyn = PitLabels.from_dict(labels["pit"]), DynLabels.from_dict(labels["dyn"])
    keys = folder.have("pits")
    for key in keys[:: max(1, len(keys) // args.count)][: args.count]:
        f0, level = pit.decode(folder.read("pits", key)), dyn.decode(folder.read("dyns", key))
        figure = plots.labels_over_spectrogram(key, folder.prepared(key), f0, level)
        path = folder.root / "show_qt" / f"{key}.png"
        plots.save(figure, path)
        print(path)
        if args.window:
            plots.show(path)
    return cli.DONE


VERBS = {
    "pitdyn": make_labels,
    "mel": make_mels,
    "encode": make_units,
    "discrete": make_discrete,
    "show_qt": show_labels,
}


def main() -> int:
    args = parse_args()
    from config import load_config

    folder = DataFolder(Path("data") / args.name)
    folder.connect(args.wavs)
    takes = prompts.read(args.prompts, folder.files) if args.prompts else None
    folder.write_split(args.seed, args.val_share, args.test_share, takes)
    verb = next(verb for name, verb in VERBS.items() if getattr(args, name))
    code = stale.drop_replaced(folder, args.n_workers, args.force)
    return max(code, verb(folder, args, load_config(args.config)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
