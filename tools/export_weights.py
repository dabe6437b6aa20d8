"""Make of a training's checkpoint what conversion needs: weights in half precision, no optimizer, no teacher.

    python -m tools.export_weights out/corpus/hubert-pit/model-best.pt out/demo/hubert-pit/model-best.pt

A fifth of the size; with --int8, which keeps matrices in eight bits and a scale for each row, a tenth. Both
round, so a voice has to be encoded with the file that it will be used with: one encoded with another file is
refused. A name that ends in .safetensors gives a file of that format, which runs no code wherever it is
opened; model-best.safetensors is found where a model-best.pt is.

--stands_in_for OLD says in the card of a label model trained with keep_embedding that it may be used in the
place of another by the voices which that one has encoded: what their units mean has stayed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import cli


def exported(
    checkpoint: dict, voice: str | None = None, eight_bits: bool = False, dataset: str | None = None
) -> dict:
    """A checkpoint of ours without what training needs, its floats as float16; voice: a new name of it.

    eight_bits: its matrices as int8; dataset: where its encoders will lie, out/<dataset>.
    """
    from checkpoints import int8

    kept = {name: value for name, value in checkpoint.items() if name != "training"}
    sizes = {name: size for name, size in checkpoint["config"]["model"].items() if name != "teacher_dim"}
    kept["config"] = {**checkpoint["config"], "model": sizes}
    if voice:
        kept["card"] = {**kept["card"], "voice": voice}
    if dataset:
        kept["card"] = {**kept["card"], **moved_encoders(kept["card"], dataset)}
    state = {k: t for k, t in checkpoint["model"].items() if not k.startswith("teacher_head.")}
    state = int8.quantised(state) if eight_bits else state
    halved = {k: t.half() for k, t in state.items() if t.is_floating_point() and not k.endswith(int8.SCALE)}
    return {**kept, "model": {**state, **halved}}


def moved_encoders(card: dict, dataset: str) -> dict:
    """What a voice's card says of its encoders, when they lie in out/<dataset>: they are the same ones."""
    place = Path("out") / dataset
    encoders = {
        role: {**about, "name": place.joinpath(*Path(about["name"]).parts[-2:]).as_posix()}
        for role, about in card.get("encoders", {}).items()
    }
    return {"dataset": dataset, "encoders": encoders}


def stand_in(checkpoint: dict, other: Path) -> dict:
    """The checkpoint of a label model that says it may be used in the place of `other`.

    Raises UserError where labels or vectors of the classes differ.
    """
    import torch

    from checkpoints import cards, hashes, models, store

    old, name = store.load(other, state=False), "label_embedding.weight"
    vectors = [data["model"][name].half() for data in (checkpoint, old)]
    if checkpoint["labels"] != old["labels"] or not torch.equal(*vectors):
        raise cli.UserError(
            f"{other}: its labels or the vectors of its classes differ; train with keep_embedding = true in "
            f"the preset and --warmstart {other}"
        )
    model = models.load_hubert(other)
    own = hashes.state_hash(getattr(model, "head", model).state_dict())
    known = [own, *old["card"].get(cards.STANDS_IN_FOR, ())]
    return {**checkpoint, "card": {**checkpoint["card"], cards.STANDS_IN_FOR: known}}


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("checkpoint", type=cli.path, help="a model-*.pt of one of the train scripts")
    parser.add_argument("out", type=cli.path, help="file to write")
    parser.add_argument("--voice", help="what its card is to call an acoustic model (default: as it does)")
    parser.add_argument(
        "--dataset", type=cli.voice, help="where its encoders will lie, out/DATASET (default: as they do)"
    )
    parser.add_argument("--int8", action="store_true", help="matrices in eight bits")
    parser.add_argument("--stands_in_for", type=cli.path, metavar="OLD", help="label model that it replaces")
    args = parser.parse_args()
    from checkpoints import store

    made = exported(store.load(args.checkpoint), args.voice, args.int8, args.dataset)
    store.save(args.out, stand_in(made, args.stands_in_for) if args.stands_in_for else made)
    print(f"{args.out}: {args.out.stat().st_size / 2**20:.1f} MB, of {args.checkpoint}")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
