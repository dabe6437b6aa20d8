"""From recordings to a converted wav with the scripts, as a user runs them, at a size that takes a minute."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import micro_config, run_script, sing

import audio
from checkpoints import models, pipeline, store
from common.cli import UserError
from conversion.converter import VoiceConverter
from hubert_pitdyn.units import encode_all, encode_batch


def load(workspace, **more) -> VoiceConverter:
    return VoiceConverter.load("bank", "songs", out=workspace / "out", **more)


def test_discrete_units_from_a_layer_and_from_a_folder(voice):
    layer = ("--features", "out/songs/hubert-soft/model-best.pt:1", "--clusters", 5)
    run_script("preprocess.py", "songs", "--discrete", *layer, cwd=voice, expect=1)
    one = np.load(voice / "data" / "songs" / "units-discrete" / "a" / "歌 0.npy")
    assert one.max() < 5 and len(np.unique(one)) > 1
    folder = voice / "data" / "songs" / "prosody"  # any [N, dim] at 50 Hz will do
    run_script(
        "preprocess.py", "songs", "--discrete", "--features", folder, "--clusters", 4, cwd=voice, expect=1
    )
    two = np.load(voice / "data" / "songs" / "units-discrete" / "a" / "歌 0.npy")
    assert len(two) == len(one) and two.max() < 4


def test_units_on_disk_are_those_of_conversion(voice):
    """Batches of preprocessing, padded and bucketed, give what a single wav gives."""
    encoder = load(voice, amp="off").encoder  # units on disk are made in single precision on all processors
    folder = voice / "data" / "songs"
    for key in ("ほげ/歌 0", "a/歌 3"):
        wav = np.load(folder / "prepared" / f"{key}.npy").astype(np.float32) / 32767
        wav = audio.encoder_input(wav)
        alone = encoder(torch.from_numpy(wav).reshape(1, 1, -1))[0].numpy()
        stored = np.load(folder / "units-pitdyn" / f"{key}.npy").astype(np.float32)
        assert stored.shape == (len(wav) // 320, 768)
        assert np.abs(stored - alone).max() < 5e-3  # float16 on disk


def test_encoding_in_buckets_equals_encoding_alone(voice):
    encoder = load(voice, amp="off").encoder
    wavs = {f"w{n}": sing(200, 250, 0.3, n)[: 320 * n] for n in (2, 5, 9, 14)}
    together = {
        name: (units, own)
        for name, units, own in encode_all(encoder, wavs.get, {k: len(v) for k, v in wavs.items()}, 10**6)
    }
    for name, wav in wavs.items():
        analysis, _ = encode_batch(encoder, [wav])
        assert np.abs(together[name][0] - encoder.embed(analysis)[0].numpy()).max() < 1e-4
        assert np.abs(together[name][1].pit - analysis.pit[0].numpy()).max() < 1e-4


def test_infer_converts_a_folder_and_reports_bad_files(voice):
    source = voice / "source"
    (source / "深い").mkdir(parents=True, exist_ok=True)
    soundfile.write(source / "深い" / "うた.flac", np.stack([sing(150, 300, 1.0, 1)] * 2, axis=1), 44100)
    soundfile.write(source / "short.wav", sing(150, 300, 0.1, 2)[2400:2700], 16000)
    soundfile.write(source / "silent.wav", np.zeros(8000), 16000)
    (source / "bad.wav").write_bytes(b"nonsense")
    (source / "._short.wav").write_bytes(b"mac")
    arguments = ("infer.py", "bank", "--dataset", "songs", "--input", source, "--device", "cpu")
    before = set((voice / "gen").rglob("*.wav"))
    done = run_script(*arguments, "--plot", "--report", cwd=voice, expect=1)
    assert (voice / "gen" / "深い" / "うた_bank.png").stat().st_size > 10_000
    for name in ("short_bank", "silent_bank", "深い/うた_bank"):
        assert "data:audio/flac" in (voice / "gen" / f"{name}.html").read_text("utf-8")
        assert json.loads((voice / "gen" / f"{name}.json").read_text("utf-8"))["voice"]["name"] == "bank"
    assert "bad.wav" in done.stderr and "1 of 4 failed" in done.stderr and "Traceback" not in done.stderr
    made = sorted(p.relative_to(voice / "gen").as_posix() for p in {*(voice / "gen").rglob("*.wav")} - before)
    assert made == ["short_bank.wav", "silent_bank.wav", "深い/うた_bank.wav"]
    assert soundfile.info(voice / "gen" / "short_bank.wav").frames == 300
    info = soundfile.info(voice / "gen" / "深い" / "うた_bank.wav")
    assert info.samplerate == 16000
    assert info.frames == len(audio.load(source / "深い" / "うた.flac"))


def test_conversion_is_aligned_as_loud_and_repeatable(voice):
    converter = load(voice)
    silence = np.zeros(9000, np.float32)
    wav = np.concatenate([silence, sing(150, 300, 1.0, 3)[2400:-1600], silence])
    one, two = converter.convert(wav), load(voice).convert(wav)
    assert one.dtype == np.float32 and len(one) == len(wav) and np.array_equal(one, two)
    assert not one[:8000].any() and not one[-8000:].any() and one[9500:-9500].any()
    level = audio.active_level(audio.loudness(audio.prepare(wav).wav))
    assert audio.active_level(audio.loudness(audio.prepare(one).wav)) == pytest.approx(level, abs=1.0)
    trimmed = converter.convert(wav, trim=True)
    assert len(trimmed) == audio.prepare(wav).kept


def test_loud_sources_do_not_clip(voice):
    loud = np.clip(sing(150, 300, 0.5, 4) * 20, -1, 1)
    assert np.abs(load(voice).convert(loud)).max() <= audio.PEAK_LIMIT + 1e-6


def test_voice_card_tells_where_a_voice_comes_from(voice):
    card = store.load(voice / "out" / "bank" / "acoustic" / "model-best.pt")["card"]
    assert card["dataset"] == "songs" and set(card["encoders"]) == {"content", "pit", "dyn"}
    assert card["hours"] == pytest.approx(4 * 0.9 / 3600 * 0.75, rel=0.6)
    assert "refined_from" in card and "songs" in card["refined_from"]


def test_a_voice_of_another_encoder_is_refused(voice):
    pit = voice / "out" / "songs" / "hubert-pit" / "model-best.pt"
    kept = pit.read_bytes()
    try:
        checkpoint = store.load(pit)
        checkpoint["model"]["proj.bias"] += 1
        store.save(pit, checkpoint)
        arguments = ("infer.py", "bank", "--dataset", "songs", "--input", voice / "bank", "--device", "cpu")
        done = run_script(*arguments, cwd=voice, expect=2)
        assert "pit encoder" in done.stderr and "--dataset songs" in done.stderr
    finally:
        pit.write_bytes(kept)


def test_a_dataset_without_models_leads_to_the_voices_own(voice):
    with pytest.raises(UserError, match="nope: no pitch.* bank was made with --dataset songs$"):
        VoiceConverter.load("bank", "nope", out=voice / "out")


def test_every_model_of_a_dataset_loads_alone(voice):
    """Also the light head, which finds the content encoder it was trained on."""
    songs = voice / "out" / "songs"
    wav = torch.randn(2, 1, 3200) * 0.1
    for name in ("hubert-soft", "hubert-pit", "hubert-dyn"):
        model = models.load_hubert(songs / name / "model-best.pt")
        assert model.units(wav).shape == (2, 10, 256) and not model.training
    assert torch.allclose(model.units(wav), load(voice).encoder.dyn.units(wav), atol=1e-6)


def test_files_of_other_kinds_are_refused_in_a_sentence(voice):
    songs, bank = voice / "out" / "songs", voice / "out" / "bank"
    with pytest.raises(UserError, match="is an acoustic checkpoint, expected a HuBERT"):
        models.load_hubert(bank / "acoustic" / "model-best.pt")
    with pytest.raises(UserError, match="units of the content encoder.*found label"):
        pipeline.load_content(songs / "hubert-dyn" / "model-best.pt")


def test_a_head_on_another_trunk_is_refused(voice):
    arguments = ("infer.py", "bank", "--dataset", "songs", "--input", voice / "bank", "--device", "cpu")
    other = voice / "out" / "other.pt"
    checkpoint = store.load(voice / "out" / "songs" / "hubert-soft" / "model-best.pt")
    checkpoint["model"]["proj.bias"] += 1
    store.save(other, checkpoint)
    done = run_script(*arguments, "--content", other, cwd=voice, expect=2)
    assert "trunk" in done.stderr and "other.pt" in done.stderr


def test_units_made_by_another_encoder_since_are_refused(voice):
    """By a run that would be resumed with them, and by a vocoder that would learn from mels made of them."""
    about = voice / "data" / "bank" / "encoder.json"
    kept = about.read_text(encoding="utf-8")
    trained = json.loads(kept)["encoders"]["content"]["hash"]
    common = ("--config", micro_config(voice), "--device", "cpu", "--steps", 6)
    try:
        about.write_text(kept.replace(trained, "0" * 16), encoding="utf-8")
        resume = ("data/bank", "out/no", "--resume", "out/bank/acoustic/model-3.pt")
        finetune = ("data/bank", "out/no", "--finetune", "out/bank/acoustic/model-best.pt")
        for script, arguments in (("train_acoustic.py", resume), ("train_vocoder.py", finetune)):
            refused = run_script(script, *arguments, *common, cwd=voice, expect=2).stderr
            assert f"expected content {trained}" in refused and f"found content {'0' * 16}" in refused
            assert "Traceback" not in refused and "--encode" in refused
    finally:
        about.write_text(kept, encoding="utf-8")


def test_a_resumed_voice_is_uninterrupted(voice):
    common = ("--config", micro_config(voice), "--device", "cpu", "--amp", "off", "--steps", 6)
    run_script("train_acoustic.py", "data/bank", "out/r/acoustic", *common, cwd=voice)
    resume = ("--resume", "out/r/acoustic/model-3.pt")
    run_script("train_acoustic.py", "data/bank", "out/s/acoustic", *resume, *common, cwd=voice)
    one, two = (store.load(voice / "out" / x / "acoustic" / "model-6.pt") for x in "rs")
    assert all(torch.equal(one["model"][k], two["model"][k]) for k in one["model"])
    assert one["training"]["best"] == two["training"]["best"]


def test_a_resumed_refinement_is_uninterrupted(voice):
    """It is resumed with its own learning rate, and its card still names the voice it began from."""
    common = ("--config", micro_config(voice), "--device", "cpu", "--amp", "off", "--steps", 6)
    origin = Path("out/songs/acoustic/model-best.pt")
    refine = ("--resume", origin, "--refine")
    run_script("train_acoustic.py", "data/bank", "out/rr/acoustic", *refine, *common, cwd=voice)
    resume = ("--resume", "out/rr/acoustic/model-3.pt")
    run_script("train_acoustic.py", "data/bank", "out/rs/acoustic", *resume, *common, cwd=voice)
    one, two = (store.load(voice / "out" / x / "acoustic" / "model-6.pt") for x in ("rr", "rs"))
    assert all(torch.equal(one["model"][k], two["model"][k]) for k in one["model"])
    assert one["training"]["lr"] == two["training"]["lr"] == 3e-4
    assert one["card"]["refined_from"] == two["card"]["refined_from"] == str(origin)


def test_the_seeds_acoustic_model_trains_and_converts_and_is_not_mistaken_for_the_other(voice):
    seed = voice / "seed.toml"
    of_2022 = '[acoustic]\ndecoder = "autoregressive"\nnorm = "instance"\n'
    seed.write_text(f'extends = "{micro_config(voice).name}"\n{of_2022}', encoding="utf-8")
    common = ("--device", "cpu", "--steps", 3)
    run_script("train_acoustic.py", "data/bank", "out/seed/acoustic", "--config", seed, *common, cwd=voice)
    wav = sing(150, 300, 0.5, 5)
    converter = VoiceConverter.load("seed", "songs", out=voice / "out")
    assert converter.acoustic.kind == "autoregressive decoder, instance norm"
    assert load(voice).acoustic.kind == "parallel decoder, frame norm"
    assert len(converter.convert(wav)) == len(wav)
    resume = ("--resume", "out/seed/acoustic/model-best.pt", "--refine", "--config", micro_config(voice))
    refused = run_script("train_acoustic.py", "data/bank", "out/no", *resume, *common, cwd=voice, expect=2)
    assert "autoregressive decoder, instance norm" in refused.stderr and "--config" in refused.stderr


def test_mels_are_at_one_level(voice):
    mels = [np.load(p) for p in (voice / "data" / "bank" / "mels").glob("*.npy")]
    assert all(m.shape[0] == 128 and m.dtype == np.float32 for m in mels) and len(mels) == 4
    wav = np.load(next((voice / "data" / "bank" / "prepared").glob("*.npy"))).astype(np.float32) / 32767
    quiet = audio.log_mel(audio.set_level(wav * 0.1, -26.0))
    assert torch.allclose(quiet, audio.log_mel(audio.set_level(wav, -26.0)), atol=0.02)


def test_a_voice_of_content_alone_trains_and_converts(voice):
    """The baseline of Soft-VC: 256 inputs, no prosody to edit, and no pitch model is needed."""
    common = ("--config", micro_config(voice), "--device", "cpu")
    wavs = ("--wavs", voice / "bank", "--mel")
    run_script("preprocess.py", "plain", *wavs, "--config", micro_config(voice), cwd=voice)
    run_script("preprocess.py", "plain", "--encode", "songs", "--encode_with", "none", *common, cwd=voice)
    run_script("train_acoustic.py", "data/plain", "out/plain/acoustic", "--steps", 3, *common, cwd=voice)
    converter = VoiceConverter.load("plain", "songs", out=voice / "out")
    wav = sing(150, 300, 0.5, 5)
    assert converter.encoder.unit_dim == 256 and len(converter.convert(wav)) == len(wav)
    with pytest.raises(UserError, match="transpose, pitch_from: this voice was trained on content units"):
        converter.convert(wav, transpose=3, pitch_from=wav)
    louder = converter.convert(0.1 * wav, dyn_gain=6)
    assert np.allclose(louder, 10 ** (6 / 20) * converter.convert(0.1 * wav), atol=1e-4)
    plain = (
        "infer.py",
        "plain",
        "--dataset",
        "songs",
        "--input",
        voice / "bank" / "_か0.wav",
        "--device",
        "cpu",
    )
    run_script(*plain, "--dyn_gain", 3, cwd=voice)
    done = run_script(*plain, "--auto_pitch", "--prosody_out", "none.csv", cwd=voice, expect=2)
    assert "plain: --auto_pitch, --prosody_out: this voice was trained on content units only" in done.stderr
    resume = ("--resume", "out/plain/acoustic/model-best.pt", "--refine", "--steps", 3)
    refused = run_script("train_acoustic.py", "data/bank", "out/no", *resume, *common, cwd=voice, expect=2)
    assert "--encode_with" in refused.stderr and "content pit dyn" in refused.stderr


def test_a_voice_of_another_encoder_is_refined_only_when_asked_to(voice):
    other = store.load(voice / "out" / "songs" / "acoustic" / "model-best.pt")
    other["card"]["encoders"]["content"]["hash"] = "0" * 16
    (voice / "out" / "other").mkdir()
    store.save(voice / "out" / "other" / "model-best.pt", other)
    common = ("--config", micro_config(voice), "--device", "cpu", "--steps", 3)
    refine = ("data/bank", "out/o/acoustic", "--resume", "out/other/model-best.pt", "--refine", *common)
    refused = run_script("train_acoustic.py", *refine, cwd=voice, expect=2)
    assert "content encoder" in refused.stderr and "--any_encoder" in refused.stderr
    run_script("train_acoustic.py", *refine, "--any_encoder", cwd=voice)
    card = store.load(voice / "out" / "o" / "acoustic" / "model-best.pt")["card"]
    assert card["encoders"]["content"]["hash"] != "0" * 16
    log = (voice / "out" / "o" / "acoustic" / "logs" / "acoustic.log").read_text(encoding="utf-8")
    assert "another content encoder (0000000000000000, now" in log
