"""Whisper base's encoder as a HuBERT to begin a content encoder from, cut down to the preset's sizes.

    python -m tools.whisper_start data/corpus out/whisper/hubert-soft/model-best.pt --config small.toml
    python train_hubert.py --embds_dn units data/corpus out/corpus/hubert-soft --config small.toml \\
        --warmstart out/whisper/hubert-soft/model-best.pt

Soft-VC begins from a HuBERT trained on 960 hours, this from an encoder trained on 680 000 (MIT). Most of its
weights are in the feed-forward layers. Of each layer the hidden units with the largest spread times output
weight are kept, and their output weights are fitted again, so that the state after the layer is close to
Whisper's own. A preset with all of them, as configs/tiny.toml, leaves Whisper's encoder as it is. The
discrete units of data/corpus have to be made of Whisper's features before (python -m
tools.whisper_features): the units begin as the directions of the state that explain most of these features,
and the embedding of each class as its centre.

With --copies, recordings are compared with themselves in other voices (pitch, formants and balance changed),
and the units keep less of what such a change does to the state. Of the whole encoder they are good without
any training:

    python -m tools.whisper_start data/corpus whole.pt --config configs/tiny.toml --copies 2
    python -m tools.export_weights whole.pt out/whole/hubert-soft/model-best.pt --int8
"""

from __future__ import annotations

import argparse
import sys

from common import cli

STILLNESS = 4.0  # more gives up more of the speaker, and of the teacher: docs/encoders.md


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("data", type=cli.path, help="data/<name>, with discrete units of Whisper's features")
    parser.add_argument("out", type=cli.path, help="checkpoint to write")
    parser.add_argument(
        "--config", type=cli.path, required=True, help="preset with a [hubert.units] by log_mel"
    )
    parser.add_argument(
        "--recordings", type=int, default=160, help="of the training part, to fit on (%(default)s)"
    )
    parser.add_argument(
        "--copies",
        type=int,
        default=0,
        help="of each of them in other voices, to hold units still (%(default)s)",
    )
    parser.add_argument(
        "--stillness", type=float, default=STILLNESS, help="weight of these copies (%(default)s)"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    import numpy as np
    import torch

    from audio import UNIT_HOP
    from checkpoints import cards, store
    from common import arrays
    from common.presets import hubert_sizes, load_config
    from evaluation.whisper import base_files
    from hubert_pitdyn.attention_windows import count_windows
    from preprocessing.data_folder import DataFolder
    from preprocessing.discrete import read_features
    from tools import whisper_encoder as whisper

    config, folder = load_config(args.config), DataFolder(args.data)
    about, sizes = folder.read_json("units-discrete.json"), hubert_sizes(config, "units")
    if about is None or not about.get("features"):
        raise cli.UserError(
            f"{args.data}: no discrete units of Whisper's features; make them: "
            f"python preprocess.py {folder.name} --discrete --features FOLDER"
        )
    if sizes.get("front_end") != "log_mel":
        raise cli.UserError(f'{args.config}: [hubert.units] has no front_end = "log_mel", which Whisper has')
    weights = whisper.read_ctranslate2(base_files()["model.bin"])
    keys = folder.split("train", "units-discrete")
    wavs = {key: folder.prepared(key) for key in keys[:: max(1, len(keys) // args.recordings)]}
    wavs = {key: wav for key, wav in wavs.items() if count_windows(len(wav) // UNIT_HOP) == 1}
    again = f"make it again: python preprocess.py {folder.name} --discrete --features {about['features']}"
    centres = torch.from_numpy(arrays.read(folder.root / "kmeans.npy", again))
    sizes = {**sizes, "classes": len(centres), "unit_kind": "content", "teacher_dim": centres.shape[1]}
    features = cli.path(about["features"])
    teacher = [read_features(features, key, len(wav) // UNIT_HOP) for key, wav in wavs.items()]
    with torch.no_grad():
        model = whisper.whole_encoder(weights, sizes)
        states = torch.cat(whisper.cut_feed_forward(model, list(wavs.values()), sizes["ff"]))
        wanted, changes = torch.from_numpy(np.concatenate(teacher)).float(), None
        if args.copies:
            changes = args.stillness * whisper.changes_by_voice(model, list(wavs.values()), args.copies)
        r2 = whisper.begin_units(model, states, wanted, centres, changes)
    card = cards.card(dataset=folder.name, origin="Whisper base's encoder (MIT)")
    made = {"kind": "hubert-units", "model": model.state_dict(), "labels": {"units": about}, "card": card}
    store.save(args.out, {**made, "config": {"model": sizes, "toml": config}})
    print(f"{args.out}: {len(wavs)} recordings, teacher R2 {r2:.3f}")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
