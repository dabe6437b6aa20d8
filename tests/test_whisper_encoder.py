"""What a content encoder begins from: a file of ctranslate2 read, feed-forward layers cut, units begun."""

import struct

import numpy as np
import pytest
import torch

from hubert_pitdyn.model import Hubert
from tools import whisper_encoder
from tools.whisper_encoder import TYPES, read_ctranslate2

SIZES = {
    "classes": 6,
    "dim": 16,
    "heads": 2,
    "layers": 2,
    "unit_dim": 8,
    "teacher_dim": 12,
    "dropout": 0.0,
    "front_end": "log_mel",
}
FF = 24


def whisper_weights(seed=0):
    """Arrays of an encoder of these sizes by the names of ctranslate2."""
    rng, dim = np.random.default_rng(seed), SIZES["dim"]

    def pair(name, *shape):
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        return {
            f"encoder/{name}/weight": rng.normal(0, scale, shape).astype(np.float16),
            f"encoder/{name}/bias": rng.normal(0, 0.1, shape[0]).astype(np.float16),
        }

    def norm(name):
        return {
            f"encoder/{name}/gamma": rng.normal(1, 0.1, dim).astype(np.float16),
            f"encoder/{name}/beta": rng.normal(0, 0.1, dim).astype(np.float16),
        }

    weights = {**pair("conv1", dim, 80, 3), **pair("conv2", dim, dim, 3), **norm("layer_norm")}
    for number in range(SIZES["layers"]):
        layer = f"layer_{number}"
        weights |= norm(f"{layer}/self_attention/layer_norm") | norm(f"{layer}/ffn/layer_norm")
        weights |= pair(f"{layer}/self_attention/linear_0", 3 * dim, dim)
        weights |= pair(f"{layer}/self_attention/linear_1", dim, dim)
        weights |= pair(f"{layer}/ffn/linear_0", FF, dim) | pair(f"{layer}/ffn/linear_1", dim, FF)
    return weights


def model_bin(weights, version=6):
    """A file of ctranslate2 as its converters write it."""

    def text(words):
        return struct.pack("<H", len(words) + 1) + words.encode() + b"\0"

    kinds = {np.dtype(kind): number for number, kind in enumerate(TYPES)}
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(weights))
    for name, array in weights.items():
        data += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        data += struct.pack("<BI", kinds[array.dtype], array.nbytes) + array.tobytes()
    return data + struct.pack("<I", 0)


@pytest.fixture
def encoder():
    with torch.no_grad():
        yield whisper_encoder.whole_encoder(whisper_weights(), {**SIZES, "ff": 4})


def wavs(count=6, units=60):
    rng = np.random.default_rng(3)
    return [rng.normal(0, 0.1, units * 320).astype(np.float32) for _ in range(count)]


def states(model, sounds):
    return torch.cat([model.encode(torch.from_numpy(w)[None, None])[0] for w in sounds])


def test_a_file_of_ctranslate2_is_read():
    weights = {"a/b": np.arange(6, dtype=np.float16).reshape(2, 3), "heads": np.array(8, np.int16)}
    weights["c"] = np.arange(4, dtype=np.int8)
    found = read_ctranslate2(model_bin(weights))
    assert list(found) == list(weights)
    for name, array in weights.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    with pytest.raises(ValueError, match="version 3, expected one of"):
        read_ctranslate2(model_bin(weights, version=3))


def test_every_tensor_of_the_encoder_is_whispers(encoder):
    weights = whisper_weights()
    own = {name: t for name, t in encoder.state_dict().items() if name.startswith(("feature_", "encoder."))}
    assert len(own) == len(weights)
    given = sorted(float(np.float32(w).sum()) for w in weights.values())
    assert np.allclose(given, sorted(float(t.sum()) for t in own.values()), atol=1e-4)


def test_nothing_is_changed_where_nothing_is_cut(encoder):
    sounds, tensors = wavs(), {name: t.clone() for name, t in encoder.state_dict().items()}
    with torch.no_grad():
        before = states(encoder, sounds)
        returned = torch.cat(whisper_encoder.cut_feed_forward(encoder, sounds, FF))
    assert (before - returned).abs().max() < 1e-5
    assert all(torch.equal(t, tensors[name]) for name, t in encoder.state_dict().items())


def test_what_is_cut_is_fitted_anew(encoder):
    """Better than the same hidden units with the weights they had, on sounds it was not fitted to, too."""
    fitted_to, others = wavs(12), wavs(18)[12:]
    with torch.no_grad():
        whole = states(encoder, others)
        whisper_encoder.cut_feed_forward(encoder, fitted_to, FF // 2)
        cut = states(encoder, others)
        plain = whisper_encoder.whole_encoder(whisper_weights(), {**SIZES, "ff": 4})
        for layer, narrow in zip(plain.encoder.layers, encoder.encoder.layers, strict=True):
            rows = [int((layer.linear1.weight - row).abs().sum(1).argmin()) for row in narrow.linear1.weight]
            layer.linear2.weight[:, [i for i in range(FF) if i not in rows]] = 0
        dropped = states(plain, others)
    assert encoder.encoder.layers[0].linear1.weight.shape == (FF // 2, 16)
    assert (whole - cut).square().mean() < 0.7 * (whole - dropped).square().mean()


def test_units_begin_as_what_tells_most_of_the_teacher():
    torch.manual_seed(0)
    model = Hubert(**{**SIZES, "ff": FF}).requires_grad_(False)
    said = torch.randn(3000, 16)
    teacher = said[:, :5] @ torch.randn(5, 12) + 3 + 0.1 * torch.randn(3000, 12)
    centres = teacher[:6].clone()
    r2 = whisper_encoder.begin_units(model, said, teacher, centres)
    assert r2 > 0.98
    missed = teacher - model.teacher_head(model.proj(said))
    assert abs(r2 - (1 - float(missed.square().mean() / teacher.var(dim=0).mean()))) < 1e-6
    units = model.proj(said)
    assert abs(float(units.mean())) < 0.05
    near = torch.cosine_similarity(units[:6], model.label_embedding.weight)
    assert near.min() > 0.95  # a class embedding is the unit at its centre


def test_units_give_up_what_another_voice_changes():
    """Four directions tell what is said, four who says it; the teacher knows both."""
    torch.manual_seed(0)
    said, voice = torch.randn(4000, 4), 0.7 * torch.randn(4000, 4)
    mixed, spread = torch.randn(8, 16), torch.randn(8, 12)
    found = torch.cat([said, voice], dim=1) @ mixed + 0.05 * torch.randn(4000, 16)
    teacher = torch.cat([said, voice], dim=1) @ spread
    change = torch.randn(4000, 4) @ mixed[4:]
    moved, right = {}, {}
    for name, changes in (("as it is", None), ("other voices", 20 * change.T @ change)):
        model = Hubert(**{**SIZES, "unit_dim": 4, "ff": FF}).requires_grad_(False)
        whisper_encoder.begin_units(model, found, teacher, teacher[:6].clone(), changes)
        units = model.proj(found)
        off = model.proj(found + change) - units
        moved[name] = float(off.square().mean() / (2 * units.var(dim=0).mean()))
        weight, bias = whisper_encoder.fitted(units, said)
        right[name] = 1 - float((units @ weight.T + bias - said).square().mean() / said.var(dim=0).mean())
    assert moved["as it is"] > 0.1 and moved["other voices"] < 0.02
    assert right["other voices"] > 0.95 > right["as it is"]


def test_changes_are_those_of_the_copies(encoder, monkeypatch):
    """Of a recording whose copies are itself nothing changes; otherwise the sum has their mean power."""
    sounds = wavs(2)
    monkeypatch.setattr(whisper_encoder, "other_voices", lambda wav, seeds: [wav for _ in seeds])
    with torch.no_grad():
        assert not whisper_encoder.changes_by_voice(encoder, sounds, 2).any()
        monkeypatch.setattr(
            whisper_encoder, "other_voices", lambda wav, seeds: [wav[::-1].copy() for _ in seeds]
        )
        found = whisper_encoder.changes_by_voice(encoder, sounds, 3)
        off = states(encoder, [w[::-1].copy() for w in sounds]) - states(encoder, sounds)
    assert torch.allclose(found, off.T @ off, rtol=1e-3, atol=1e-3)
