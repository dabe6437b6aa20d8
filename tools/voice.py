"""Hand a voice on as one zip, and take one in: weights that hold no code, its card, its terms.

    python -m tools.voice pack hana hana.zip --license cc-by-4.0 --language ja
    python -m tools.voice show hana.zip
    python -m tools.voice unpack hana.zip

A zip converts as it is (python infer.py hana.zip --input speech.wav); unpacked to out/ it can be refined.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli

FOLDERS = {"content": "hubert-soft", "pit": "hubert-pit", "dyn": "hubert-dyn", "vocoder": "hifigan"}


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pack = parser.add_command(commands, "pack", "out/<voice> to a zip")
    pack.add_argument("voice", type=cli.voice, help="a name below out/")
    pack.add_argument("zip", type=cli.new_file(".zip"), help="file to write")
    pack.add_argument(
        "--license", help="of the voice, as the hub names it: cc0-1.0, cc-by-4.0, … (default: other)"
    )
    pack.add_argument("--terms", type=cli.path, help="text file with the terms (default: those of the bank)")
    pack.add_argument("--credit", help="whom to name (default: bank and author of the card)")
    pack.add_argument("--language", help="of the recordings: ja, en, …")
    pack.add_argument(
        "--sample", type=cli.path, metavar="WAV", help="add this recording, converted to the voice"
    )
    pack.add_argument(
        "--voice_only",
        action="store_true",
        help="without encoders and vocoder: small, and of use only where these are in out/ already",
    )
    unpack = parser.add_command(commands, "unpack", "a zip, or a voice of the hub, to out/<voice>")
    unpack.add_argument("zip", type=cli.voice_or_file, help="a zip or folder, or user/repo on the hub")
    unpack.add_argument("--name", type=cli.voice, help="what to call it here (default: its own name)")
    show = parser.add_command(commands, "show", "card and terms of a voice")
    show.add_argument("zip", type=cli.voice_or_file, help="a zip or folder, or user/repo on the hub")
    return parser.parse_args()


def pack(args: argparse.Namespace) -> int:
    from checkpoints import bundle, places, store
    from tools import model_card

    checkpoint = store.load(places.acoustic_path(args.voice), state=False)
    parts, sources = {"acoustic": without_state(checkpoint)}, []
    if not args.voice_only:
        others, sources = brought(checkpoint)
        parts |= others
    texts = model_card.texts(args, parts["acoustic"]["card"], parts)
    for source in sources:
        for notice in sorted(source.parent.glob("LICENSE*")):
            texts[notice.name] = notice.read_bytes()
    bundle.write(args.zip, args.voice, parts, texts)
    if args.sample:
        add_sample(args, parts, texts)
    print(f"{args.zip}: {args.zip.stat().st_size / 2**20:.1f} MB, {', '.join(parts)}")
    return cli.DONE


def without_state(checkpoint: dict) -> dict:
    return {name: value for name, value in checkpoint.items() if name != "training"}


def brought(checkpoint: dict) -> tuple[dict[str, dict], list[Path]]:
    """Encoders and vocoder that a voice converts with, and their files; official ones are fetched by whoever
    converts, and stay out."""
    from checkpoints import file_format, pipeline, places, store

    config, card = checkpoint["config"]["toml"], checkpoint["card"]
    paths = {"content": pipeline.content_path(config, card["dataset"])}
    if card.get("pitdyn", "hubert") != "none":
        paths |= {kind[:-1]: places.label_path(card["dataset"], kind) for kind in ("pits", "dyns")}
    if vocoder := pipeline.vocoder_path(config, card["dataset"]):
        paths["vocoder"] = vocoder
    found = {part: file_format.read_for_use(path, "a checkpoint") for part, path in paths.items()}
    own = {part: without_state(data) for part, data in found.items() if file_format.is_ours(data)}
    for part in sorted(set(paths) - set(own)):
        print(f"{paths[part]}: official, is left out and fetched where the voice is used")
    for part in own:
        store.load(paths[part], state=False)  # refuses what is not whole
    return own, [paths[part] for part in own]


def add_sample(args: argparse.Namespace, parts: dict, texts: dict) -> None:
    """Convert args.sample with the zip just written, and write it again with the result in it."""
    import tempfile

    import audio
    from checkpoints import bundle
    from conversion import headers
    from conversion.converter import VoiceConverter

    converter = VoiceConverter.load(str(args.zip))
    converted = converter.convert(audio.load(args.sample), auto_pitch=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.wav"
        audio.save(path, converted, headers.comment({"auto_pitch": True}, ()), rate=converter.rate)
        bundle.write(args.zip, args.voice, parts, {**texts, path.name: path.read_bytes()})


def unpack(args: argparse.Namespace) -> int:
    from checkpoints import bundle, places, store
    from common.files import write_bytes

    path = places.voice_path(args.zip)
    if places.is_model(path):
        raise cli.UserError(f"{path}: this voice is in out/ already")
    found = bundle.read(path)
    name = args.name or cli.voice(found.name)
    folder = Path("out") / name
    if folder.exists():
        raise cli.UserError(f"{folder}: is there already; give another --name, or delete it")
    acoustic, others = found.parts["acoustic"], {k: v for k, v in found.parts.items() if k != "acoustic"}
    if others and not all(
        is_here(acoustic["card"].get("dataset", ""), part, own) for part, own in others.items()
    ):
        acoustic["card"] |= {"dataset": name}
        for part, own in others.items():
            store.save(folder / FOLDERS[part] / places.SAFE, own)
    for text, content in bundle.texts(path).items():
        write_bytes(folder / text, content)
    store.save(folder / "acoustic" / places.SAFE, acoustic)
    print(f"{folder}: {', '.join(sorted(p.parent.name for p in folder.glob(f'*/{places.SAFE}')))}")
    return cli.DONE


def is_here(dataset: str, part: str, own: dict) -> bool:
    """Whether out/<dataset> has this part of a voice, so that it is not needed twice."""
    from checkpoints import file_format, hashes, places

    path = places.best(Path("out") / dataset / FOLDERS[part])
    if not dataset or not path.is_file():
        return False
    theirs = file_format.unwrap(own, path)  # as they are used: weights in eight bits restored
    return theirs is not None and file_format.weights_hash(path) == hashes.state_hash(theirs.state)


def show(args: argparse.Namespace) -> int:
    from checkpoints import bundle, cards, places

    path = places.voice_path(args.zip)
    found = bundle.acoustic(path, weights=False)
    card = found.get("card") or {}
    print(cards.describe({**found, "card": card}))
    for line in (card.get("bank") or {}).get("terms", "").splitlines():
        print(cli.printable(line))
    return cli.DONE


def main() -> int:
    args = parse_args()
    return {"pack": pack, "unpack": unpack, "show": show}[args.command](args)


if __name__ == "__main__":
    sys.exit(cli.run(main))
