"""Crops of waves that a vocoder is trained on, with their mels and their pitch."""

import math

import numpy as np
import pytest
import torch
from test_vocoder import harmonic

import audio
from audio import MEL_HOP, UNIT_HOP, log_mel
from common.cli import UserError
from preprocessing.data_folder import DataFolder
from training.datasets import MelDataset, WavDataset
from training.label_dataset import LabelDataset
from training.trunk_features import cache_features
from vocoder import losses
from vocoder.discriminators import Discriminators
from vocoder.frame_f0 import Span, frame_f0


@pytest.fixture
def recordings(tmp_path):
    folder = DataFolder(tmp_path / "data" / "v")
    for name, seconds in (("long", 2.0), ("short", 0.4)):
        folder.save_prepared(name, audio.on_grid(harmonic(200, seconds=seconds).numpy()))
    return folder


def test_crops_are_waves_at_one_level_with_their_mels(recordings):
    data = WavDataset(recordings, ["long", "short"], 0.6, -26.0)
    mel, wav = data[(0, (1, 2))].values()
    assert wav.shape == (1, 30 * UNIT_HOP) and mel.shape == (128, 60)
    assert torch.allclose(mel, log_mel(wav[0]))
    whole = data[(0, None)]["wavs"]
    assert audio.active_level(audio.loudness(whole[0].numpy())) == pytest.approx(-26.0, abs=0.1)
    batch = data.collate([data[(0, (1, 2))], data[(1, (1, 3))]])
    assert batch["wavs"].shape == (2, 1, 9600) and batch["mels"].shape == (2, 128, 60)
    assert float(batch["wavs"][1, 0, 6400:].abs().max()) == 0
    assert float(batch["mels"][1, :, 40:].max()) == pytest.approx(math.log(audio.LOG_FLOOR))


@pytest.mark.parametrize("kind,verb", [("mels", "--mel"), ("units-pitdyn", "--encode"), ("pits", "--pitdyn")])
def test_cut_arrays_are_named_with_the_command_that_makes_them(recordings, kind, verb):
    recordings.write_json("split.json", {"train": ["long", "short"], "val": []})
    for key in ("long", "short"):
        for of in ("mels", "units-pitdyn", "pits"):
            recordings.save(of, key, np.zeros((30, 128) if of != "pits" else 30, np.float32))
    sets = {
        "mels": lambda: MelDataset(recordings, ["long", "short"], 0.2)[(1, (1, 2))],
        "pits": lambda: LabelDataset(recordings, ["long", "short"], "pits", 0.2)[(1, None)],
    }
    read = sets["pits" if kind == "pits" else "mels"]
    read()
    path = recordings.path(kind, "short")
    path.write_bytes(path.read_bytes()[:-10])
    words = rf"short\.npy: expected a whole .npy, found \d+ of \d+ bytes; .*preprocess.py v {verb}"
    for use in (read, lambda: recordings.split("train", kind)):
        with pytest.raises(UserError, match=words):
            use()


def test_cut_features_of_a_trunk_and_cut_wavs_are_made_again(recordings, monkeypatch):
    class Trunk:
        proj = type("", (), {"weight": torch.zeros(1), "in_features": 4})
        conv_dim, encoder = 3, type("", (), {"layers": [None]})

        def hidden(self, wav):
            return torch.ones(1, 20, 3), torch.ones(1, 20, 2, 4)

    folder = cache_features(recordings, ["short"], Trunk(), "hidden-1")
    path = recordings.path("hidden-1", "short")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    recordings.save("pits", "short", np.zeros(20, np.uint8))
    with pytest.raises(UserError, match=r"short.npy: .*run the same command again"):
        LabelDataset(recordings, ["short"], "pits", 0.2, features=folder)[(0, None)]
    cache_features(recordings, ["short"], Trunk(), "hidden-1")
    assert path.read_bytes() == whole


def test_a_recording_is_read_whole_once(recordings, monkeypatch):
    data, asked = WavDataset(recordings, ["long", "short"], 0.6, -26.0), []
    read = recordings.crop
    monkeypatch.setattr(recordings, "crop", lambda key, *place: asked.append(place) or read(key, *place))
    crops = [data[(0, (1, seed))]["wavs"] for seed in range(4)]
    assert [units for _, units in asked] == [None, 30, 30, 30, 30]
    whole = audio.limit_peak(audio.set_level(read("long", 0, None), -26.0))
    for crop, (start, _) in zip(crops, asked[1:], strict=True):
        assert np.allclose(crop[0], whole[start * UNIT_HOP : (start + 30) * UNIT_HOP], atol=1e-6)


def test_pieces_of_a_recording_are_where_they_say(recordings):
    recordings.save("f0", "long", np.full(100, 200.0))
    data = WavDataset(recordings, ["long"], 0.6, -26.0, pitch=True)
    whole, piece = data[(0, None)], data[(0, slice(40, 75))]
    assert data.units(0) == 100
    assert torch.equal(piece["wavs"], whole["wavs"][:, 40 * UNIT_HOP : 75 * UNIT_HOP])
    assert piece["mels"].shape == (128, 70) and len(piece["f0"]) == 70
    inner = slice(5, -5)  # at its ends a piece is mirrored
    assert torch.allclose(piece["mels"][:, inner], whole["mels"][:, 80:150][:, inner], atol=1e-4)


def test_label_models_train_on_every_recording_at_the_level_at_which_they_will_convert(recordings):
    """Crops are at the level of their recording, so that loud and soft stay apart."""
    swelling = (harmonic(200, seconds=2.0).numpy() * np.linspace(0.1, 1, 32000)).astype(np.float32)
    wavs = {"a": swelling, "b": 0.001 * swelling}
    for name, wav in wavs.items():
        recordings.save_prepared(name, wav)
        recordings.save("dyns", name, np.zeros(100, np.uint8))
    data = LabelDataset(recordings, ["a", "b"], "dyns", 0.5)
    loud, quiet = (data[(index, None)]["source"].numpy() for index in (0, 1))
    assert audio.level(loud) == pytest.approx(audio.ENCODER_LEVEL_DB, abs=0.05)
    assert np.allclose(loud, quiet, atol=1e-4)
    crop = data[(0, (1, 2))]["source"].numpy()
    starts = [np.abs(loud[320 * k : 320 * k + 8000] - crop).max() for k in range(76)]
    assert min(starts) < 1e-6


def test_crops_at_other_speeds_have_other_pitches(recordings):
    data = WavDataset(recordings, ["long"], 0.6, -26.0, speed_octaves=1.0)
    hertz = []
    for seed in range(30):
        wav = data[(0, (1, seed))]["wavs"][0].numpy()
        assert len(wav) <= 30 * UNIT_HOP
        spectrum = np.abs(np.fft.rfft(wav * np.hanning(len(wav))))
        hertz.append(spectrum.argmax() * audio.SAMPLE_RATE / len(wav))
    assert min(hertz) < 130 and max(hertz) > 300


@pytest.mark.parametrize("units", [2, 3, 5])
def test_the_shortest_recordings_are_played_at_other_speeds_where_something_is_left(recordings, units):
    recordings.save_prepared("clip", harmonic(200, seconds=units * 0.02).numpy())
    recordings.save("f0", "clip", np.full(units, 200.0))
    data = WavDataset(recordings, ["clip"], 0.6, -26.0, speed_octaves=0.75, pitch=True)
    items = [data[(0, (1, seed))] for seed in range(100)]
    for item in items:
        frames = item["mels"].shape[-1]
        assert frames >= 4 and item["wavs"].shape[-1] == frames * MEL_HOP and len(item["f0"]) == frames
    assert units < 5 or len({item["mels"].shape[-1] for item in items}) > 1
    whole = data.collate([data[(0, None)]])
    assert float(losses.spectral(whole["wavs"], whole["wavs"])) == 0
    assert whole["mels"].shape[-1] == whole["f0"].shape[-1] == whole["wavs"].shape[-1] // MEL_HOP
    assert len(Discriminators()(whole["wavs"])) == 8


def test_crops_with_mels_made_elsewhere_stay_together(recordings):
    frames = torch.arange(200.0).expand(128, 200)  # of 2 s
    recordings.save("mels-x", "long", frames.numpy())
    data = WavDataset(recordings, ["long"], 0.6, -26.0, speed_octaves=1.0, mels="mels-x")
    whole = data[(0, None)]["wavs"]
    mel, wav = data[(0, (1, 5))].values()
    start = int(mel[0, 0]) * MEL_HOP
    assert torch.equal(mel[0], torch.arange(60.0) + mel[0, 0])
    assert torch.equal(wav, whole[:, start : start + 9600])


def test_a_share_of_the_crops_keeps_the_mels_of_the_recording_and_their_speeds(recordings):
    recordings.save("mels-x", "long", np.zeros((128, 200)))
    data = WavDataset(recordings, ["long"], 0.6, -26.0, speed_octaves=1.0, mels="mels-x", own_share=0.3)
    whole, crops = data[(0, None)], [data[(0, (1, seed))] for seed in range(60)]
    own = [crop for crop in crops if crop["mels"].any()]
    assert not whole["mels"].any() and 8 < len(own) < 30
    for crop in own:
        assert torch.allclose(crop["mels"], log_mel(crop["wavs"][0]))
    assert len({float(crop["wavs"].abs().max()) for crop in own}) == len(own)


def test_pitch_of_mel_frames_lies_between_that_of_units():
    f0 = np.array([0, 100, 200, 0, 0, 400, 0.0])
    hertz, voiced = frame_f0(f0, Span(0, 7, 7, 0))
    assert len(hertz) == 14 and hertz.dtype == np.float32
    assert voiced.tolist() == [f > 0 for f in f0 for _ in range(2)]
    assert hertz[:3] == pytest.approx(100)  # held before the first, and a quarter of a unit before its centre
    assert hertz[3] == pytest.approx(100 * 2**0.25)
    assert np.all(np.diff(hertz[4:11]) >= 0) and hertz[-1] == pytest.approx(400)
    hertz, voiced = frame_f0(np.zeros(3), Span(0, 3, 3, 0))
    assert not hertz.any() and not voiced.any()


def test_pitch_of_crops_at_other_speeds_is_that_of_their_waves(recordings):
    recordings.save("f0", "long", np.full(100, 200.0))
    data = WavDataset(recordings, ["long"], 0.6, -26.0, speed_octaves=0.7, pitch=True)
    seen = set()
    for seed in range(12):
        item = data[(0, (1, seed))]
        wav = item["wavs"][0].numpy()
        assert len(item["f0"]) == len(item["voiced"]) == item["mels"].shape[-1] == len(wav) // MEL_HOP
        spectrum = np.abs(np.fft.rfft(wav * np.hanning(len(wav)), 16 * len(wav)))
        assert float(item["f0"][10]) == pytest.approx(
            spectrum.argmax() * audio.SAMPLE_RATE / 16 / len(wav), rel=0.02
        )
        seen.add(round(float(item["f0"][10])))
    assert len(seen) > 8
    batch = data.collate([data[(0, (1, 1))], data[(0, None)]])
    assert batch["f0"].shape == batch["voiced"].shape == (2, 200) and batch["voiced"].dtype == torch.bool
    assert not batch["voiced"][0, 60:].any()


def test_units_without_a_label_are_in_no_loss_and_move_with_their_crop(recordings):
    classes = np.full(100, 40, np.uint8)
    doubtful = np.zeros(100, bool)
    doubtful[20:40] = True
    recordings.save("pits", "long", classes)
    recordings.save("doubtful", "long", doubtful)
    recordings.save("f0", "long", np.full(100, 200.0))
    recordings.write_json("stats.json", {"labels": {"pit": {}, "dyn": {}}})
    plain = LabelDataset(recordings, ["long"], "pits", 9.0)
    batch = plain.collate([plain[(0, None)]])
    assert torch.equal(~batch["known"][0], torch.from_numpy(doubtful)) and batch["valid"].all()
    fast = LabelDataset(recordings, ["long"], "pits", 9.0, speed_octaves=(1.0, 1.0))[(0, (1, 2))]
    assert torch.equal(torch.where(~fast["known"])[0], torch.arange(10, 20))
