"""tools/export_weights.py: half the precision, no optimizer, the same voice."""

import numpy as np
import pytest
import torch
from conftest import run_script

from checkpoints import hashes, int8, models, store
from common.cli import UserError
from conversion.converter import VoiceConverter
from hubert_pitdyn.model import Hubert
from tools.export_weights import exported, stand_in


def test_an_exported_voice_converts_like_the_one_it_was_made_of(voice):
    own = voice / "out" / "songs" / "acoustic" / "model-best.pt"
    arguments = ("tools.export_weights", own, "out/small/acoustic/model-best.pt", "--voice", "small")
    done = run_script(*arguments, cwd=voice)
    assert "small" in done.stdout and " MB, of " in done.stdout
    path = voice / "out" / "small" / "acoustic" / "model-best.pt"
    before, after = store.load(own), store.load(path)
    assert "training" not in before and "training" not in after
    assert after["card"] == {**before["card"], "voice": "small"} and before["card"]["voice"] == "songs"
    floats = [t for t in after["model"].values() if t.is_floating_point()]
    assert floats and all(t.dtype == torch.float16 for t in floats)
    assert path.stat().st_size < 0.6 * own.stat().st_size
    one, other = (
        VoiceConverter.load(name, "songs", voice / "out", vocoder="griffin_lim").acoustic
        for name in ("songs", "small")
    )
    units = torch.randn(1, 20, 768, generator=torch.Generator().manual_seed(0))
    assert np.allclose(one.generate(units), other.generate(units), atol=0.02)


@pytest.mark.slow
def test_an_exported_content_encoder_has_no_teacher_any_more(tmp_path):
    torch.manual_seed(0)
    sizes = {"classes": 5, "dim": 32, "conv_dim": 16, "heads": 2, "ff": 32, "layers": 1, "pos_kernel": 4}
    whole = {**sizes, "pos_groups": 2, "unit_dim": 256, "teacher_dim": 7}
    model = Hubert(**whole).eval()
    about = {"kind": "hubert-units", "config": {"model": whole}, "labels": None, "card": {"encoders": {}}}
    store.save(tmp_path / "own.pt", {**about, "model": model.state_dict()})
    run_script("tools.export_weights", tmp_path / "own.pt", tmp_path / "small.pt", cwd=tmp_path)
    loaded = models.load_hubert(tmp_path / "small.pt")
    assert "teacher_head.weight" in model.state_dict() and "teacher_head.weight" not in loaded.state_dict()
    wav = torch.randn(1, 1, 3200, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(model.units(wav), loaded.units(wav), atol=0.02)


def test_eight_bits_take_a_quarter_and_hardly_change_what_is_computed(tmp_path):
    torch.manual_seed(0)
    sizes = {"classes": 100, "dim": 128, "conv_dim": 64, "heads": 2, "ff": 256, "layers": 2, "pos_kernel": 8}
    sizes |= {"unit_kind": "label", "dropout": 0.0}
    model = Hubert(**sizes).eval()
    about = {"kind": "hubert-pits", "config": {"model": sizes}, "labels": {}, "card": {"encoders": {}}}
    whole, small = {**about, "model": model.state_dict()}, tmp_path / "small.pt"
    store.save(tmp_path / "own.pt", whole)
    store.save(small, exported({**store.load(tmp_path / "own.pt")}, eight_bits=True))
    assert small.stat().st_size < 0.35 * (tmp_path / "own.pt").stat().st_size
    loaded = models.load_hubert(small)
    for name, tensor in model.state_dict().items():
        step = float(tensor.abs().max()) / (127 if tensor.dim() > 1 else 500)
        off = float((loaded.state_dict()[name].float() - tensor).abs().max())
        assert off <= 0.51 * step + 1e-6, name
    wav = torch.randn(1, 1, 6400, generator=torch.Generator().manual_seed(1)) * 0.1
    assert torch.allclose(model.distribution(wav), loaded.distribution(wav), atol=0.02)


@pytest.mark.parametrize("damage", ["scale of nothing", "scales too few"])
def test_damaged_scales_are_refused(damage, tmp_path):
    state = int8.quantised({"a": torch.ones(100, 100)})
    if damage == "scales too few":
        state["a@scale"] = state["a@scale"][:5]
    else:
        state["b@scale"] = torch.ones(3)
    with pytest.raises(UserError, match="x.pt"):
        int8.restored(state, "x.pt")


LABELS = {"pit": {"bins": 6}}


def label_model(path, seed, vectors=None, **about):
    """A small pitch model in a file, with the vectors of another one where given."""
    torch.manual_seed(seed)
    sizes = {"classes": 7, "dim": 32, "conv_dim": 16, "heads": 2, "ff": 32, "layers": 1, "pos_kernel": 4}
    sizes |= {"pos_groups": 2, "unit_dim": 256, "unit_kind": "label"}
    state = Hubert(**sizes).state_dict()
    if vectors is not None:
        state["label_embedding.weight"] = vectors
    known = {"kind": "hubert-pits", "config": {"model": sizes}, "labels": LABELS, "card": {"encoders": {}}}
    store.save(path, {**known, "model": state, **about})
    return store.load(path)


def test_a_label_model_of_the_same_vectors_stands_in_for_another(tmp_path):
    old, older = tmp_path / "old.pt", "0123456789abcdef"
    vectors = label_model(old, 0, card={"encoders": {}, "stands_in_for": [older]})["model"][
        "label_embedding.weight"
    ]
    for eight_bits in (False, True):
        new = exported(label_model(tmp_path / "new.pt", 1, vectors), eight_bits=eight_bits)
        known = stand_in(new, old)["card"]["stands_in_for"]
        assert known == [hashes.state_hash(models.load_hubert(old).state_dict()), older]
    for other in (label_model(tmp_path / "b.pt", 1), label_model(tmp_path / "c.pt", 1, vectors, labels={})):
        with pytest.raises(UserError, match="old.pt: its labels or the vectors of its classes differ"):
            stand_in(exported(other), old)


def test_a_voice_can_name_the_place_where_its_encoders_will_lie():
    card = {"voice": "a", "dataset": "system/demo", "created": "now"}
    own = {"content": {"name": "out/system/demo/hubert-soft/model-best.pt", "hash": "1"}}
    state = {"config": {"model": {}}, "model": {}, "card": {**card, "encoders": own}, "kind": "acoustic"}
    made = exported(state, dataset="demo")["card"]
    there = {"content": {"name": "out/demo/hubert-soft/model-best.pt", "hash": "1"}}
    assert made == {**card, "dataset": "demo", "encoders": there}
    assert exported(state)["card"] == state["card"]
