"""TensorBoard's files of a training: what is in them, under which names, at which steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_runs import small_run

import audio
from checkpoints import pipeline
from training import board
from training.board import Samples, VoiceVocoder
from vocoder.griffin_lim import GriffinLim


@pytest.fixture
def run(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    found = small_run(tmp_path / "out" / "hana" / "acoustic", "acoustic")
    found.writer = SummaryWriter(tmp_path / "logs")
    found.preset = "configs/tiny.toml"
    return found


def events(run):
    """What was written, as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run.writer.close()
    return EventAccumulator(str(run.writer.log_dir), {"images": 0, "audio": 0, "tensors": 0}).Reload()


def sung(hz: float, seconds: float = 0.6) -> torch.Tensor:
    """A sawtooth [320N]."""
    at = np.arange(int(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    return torch.from_numpy(audio.on_grid(0.2 * (at * hz % 1 - 0.5).astype(np.float32)))


def test_each_validation_shows_mels_curves_and_sounds_of_both(run):
    wavs, asked = {"target": sung(200.0), "made": sung(250.0)}, []

    def vocode(mel, f0):
        asked.append((tuple(mel.shape), None if f0 is None else len(f0)))
        return GriffinLim(4)(mel[None]).flatten().numpy()

    samples = Samples(run, vocode)
    mels = {name: audio.log_mel(wav).T for name, wav in wavs.items()}
    for step in (3, 6):
        samples.show("歌/a", mels["target"], mels["made"], step, np.full(30, 200.0, np.float32))
    found = events(run)
    assert found.Tags()["images"] == ["mels/歌/a", "curves/歌/a"]
    for tag in found.Tags()["images"]:
        assert [image.step for image in found.Images(tag)] == [3, 6]
        assert found.Images(tag)[0].width > 700 and found.Images(tag)[0].height > 300
    assert found.Tags()["audio"] == ["sound/歌/a, target", "sound/歌/a, generated"]
    for tag in found.Tags()["audio"]:
        assert [sound.step for sound in found.Audio(tag)] == [3, 6]
        assert found.Audio(tag)[0].length_frames == 9600 and found.Audio(tag)[0].sample_rate == 16000
    assert asked == [((128, 60), 30)] * 3  # the target's sound is made once


def test_a_vocoder_in_training_shows_its_own_waves(run):
    Samples(run).show("a", sung(200.0)[None, None], sung(200.0)[None, None] * 3, 1)
    found = events(run)
    assert found.Tags()["images"] == ["mels/a", "curves/a"] and len(found.Tags()["audio"]) == 2


def test_of_a_long_recording_the_beginning_is_shown(run, monkeypatch):
    monkeypatch.setattr(board, "MOST_SECONDS", 0.2)
    seen = []
    samples = Samples(run, lambda mel, f0: seen.append((mel.shape[1], len(f0))) or np.zeros(3200, np.float32))
    samples.show("a", torch.zeros(60, 128), torch.zeros(60, 128), 1, np.zeros(30, np.float32))
    assert set(seen) == {(20, 10)}
    assert board.curves_of(np.zeros(3200, np.float32))[0].shape == (10,)


def test_settings_are_there_as_text_and_beside_the_metrics(run):
    from tensorboard.plugins.hparams import plugin_data_pb2

    board.describe(run)
    run.log_metrics("valid", 5, {"loss": 0.5, "generated_l1": 0.7})
    run.log_metrics("valid", 9, {"loss": 0.4, "generated_l1": 0.6})
    found = events(run)
    text = found.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode("utf-8")
    assert f"| lr | {run.settings.lr} |" in text and "| preset | configs/tiny.toml |" in text
    assert '"acoustic"' in found.Tensors("preset/text_summary")[0].tensor_proto.string_val[0].decode("utf-8")
    assert [scalar.value for scalar in found.Scalars("valid/loss")] == pytest.approx([0.5, 0.4])
    parts = {
        tag: found.SummaryMetadata(tag).plugin_data.content
        for tag in found.summary_metadata
        if "hparams" in tag
    }
    start = plugin_data_pb2.HParamsPluginData.FromString(parts["_hparams_/session_start_info"])
    given = start.session_start_info.hparams
    assert given["lr"].number_value == run.settings.lr and given["preset"].string_value == run.preset
    about = plugin_data_pb2.HParamsPluginData.FromString(parts["_hparams_/experiment"]).experiment
    assert {info.name.tag for info in about.metric_infos} == {"valid/loss", "valid/generated_l1"}


def test_sounds_are_by_the_vocoder_of_the_voice_or_by_none_that_would_be_downloaded(run, monkeypatch):
    class Vocoder(torch.nn.Module):
        conditioned_on_f0 = True
        level_db = None

        def at_16_khz(self):
            return self

        def forward(self, mel, f0, voiced):
            return f0[:, None].repeat_interleave(160, dim=2) * voiced[:, None].repeat_interleave(160, dim=2)

    asked, lines = [], []
    monkeypatch.setattr(pipeline, "load_vocoder", lambda *a, **k: asked.append((a, k)) or Vocoder())
    monkeypatch.setattr(pipeline.official, "find", refuse)
    vocode = VoiceVocoder(run, "demo", lines.append)
    run.config["vocoder"]["source"] = "trained"
    wav = vocode(torch.zeros(128, 20), np.full(10, 150.0, np.float32))
    assert wav.shape == (3200,) and wav.min() == pytest.approx(150.0)
    vocode(torch.zeros(128, 20), np.full(10, 150.0, np.float32))
    assert len(asked) == 1 and asked[0][0][1] == "demo" and asked[0][1]["out"] == run.out.parents[1]
    run.config["vocoder"]["source"] = "official"
    plain = VoiceVocoder(run, "demo", lines.append)
    assert plain(torch.full((128, 20), -9.0), None).shape == (3200,) and len(asked) == 1
    assert "Vocoder" in lines[0] and "Griffin-Lim" in lines[1]


def refuse(name, path=None, out="out", download=True):
    assert not download
    raise pipeline.UserError("not here")
