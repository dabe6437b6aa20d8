"""The parallel decoder and frame norm of the acoustic model: padding, inputs, level."""

import pytest
import torch
from small_acoustic import PARALLEL, SMALL, build, distance, random

from acoustic.model import NORMS


def test_padding_reaches_nothing_with_frame_norm_either():
    model, units, mels = build(**SMALL, norm="frame"), random(2, 20, 24), random(2, 40, 128, seed=1)
    single = model(units[1:, :5], mels[1:, :10])
    units[1, 5:] = 1e3
    assert distance(model(units, mels, [20, 5])[1:, :10], single) < 1e-5
    assert distance(model.generate(units, [20, 5])[1:, :10], model.generate(units[1:, :5])) < 1e-5


def test_only_frame_norm_lets_through_what_is_the_same_all_along():
    frames, mask = random(1, 24, 40), torch.ones(1, 1, 40)
    held = frames + random(1, 24, 1, seed=1)
    assert distance(NORMS["instance"]()(held, mask), NORMS["instance"]()(frames, mask)) < 1e-5
    assert distance(NORMS["frame"]()(held, mask), NORMS["frame"]()(frames, mask)) > 0.1
    with pytest.raises(ValueError, match="instance, frame, found 'batch'"):
        build(**SMALL, norm="batch")


def test_a_parallel_decoder_makes_of_padded_batches_what_it_makes_of_single_items():
    model, lengths = build(**PARALLEL), [20, 1, 7]
    units, mels = random(3, 20, 24), random(3, 40, 128, seed=1)
    units[1, 1:], units[2, 7:] = 1e3, 1e3
    batched, generated = model(units, mels, lengths), model.generate(units, lengths)
    for row, n in enumerate(lengths):
        single = model.generate(units[row : row + 1, :n])
        assert distance(generated[row : row + 1, : 2 * n], single) < 1e-5
        assert distance(batched[row : row + 1, : 2 * n], single) < 1e-5
        assert not batched[row, 2 * n :].any() and not generated[row, 2 * n :].any()


def test_a_parallel_decoder_hears_the_units_alone():
    model, units = build(**PARALLEL), random(1, 20, 24)
    one, other = (model(units, random(1, 40, 128, seed=seed)) for seed in (1, 2))
    assert torch.equal(one, other) and torch.equal(one, model.generate(units))
    with pytest.raises(ValueError, match="autoregressive or parallel, found 'diagonal'"):
        build(**{**PARALLEL, "decoder": "diagonal"})


def test_a_parallel_model_starts_at_the_level_of_speech():
    assert -7 < build(**PARALLEL).generate(random(1, 40, 24)).mean() < -5
