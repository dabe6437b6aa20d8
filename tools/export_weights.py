"""Make of a training's checkpoint what conversion needs: weights in half precision, no optimizer, no teacher.

    python -m tools.export_weights out/corpus/hubert-pit/model-best.pt out/demo/hubert-pit/model-best.pt

A fifth of the size. Halving rounds, so a voice has to be encoded with the file that it will be used with: a
voice encoded with the other one is refused.
"""

from __future__ import annotations

import sys

from common import cli


def halved(checkpoint: dict, voice: str | None = None) -> dict:
    """A checkpoint of ours without what training needs, its floats as float16; voice: a new name of it."""
    kept = {name: value for name, value in checkpoint.items() if name != "training"}
    sizes = {name: size for name, size in checkpoint["config"]["model"].items() if name != "teacher_dim"}
    kept["config"] = {**checkpoint["config"], "model": sizes}
    if voice:
        kept["card"] = {**kept["card"], "voice": voice}
    state = {k: t for k, t in checkpoint["model"].items() if not k.startswith("teacher_head.")}
    return {**kept, "model": {k: t.half() if t.is_floating_point() else t for k, t in state.items()}}


def main() -> int:
    parser = cli.Parser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=cli.path, help="a model-*.pt of one of the train scripts")
    parser.add_argument("out", type=cli.path, help="file to write")
    parser.add_argument("--voice", help="what its card is to call an acoustic model (default: as it does)")
    args = parser.parse_args()
    from checkpoints import store

    store.save(args.out, halved(store.load(args.checkpoint), args.voice))
    print(f"{args.out}: {args.out.stat().st_size / 2**20:.1f} MB, of {args.checkpoint}")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
