"""The parser of all scripts: options that may do without their value."""

import pytest


@pytest.mark.parametrize(
    "words,mode",
    [
        ("--auto_pitch hana --input a.wav", "auto"),
        ("hana --auto_pitch --input a.wav", "auto"),
        ("--input a.wav hana --auto_pitch", "auto"),
        ("--dataset d --input a.wav --auto_pitch hana", "auto"),
        ("--auto_pitch octave hana --input a.wav", "octave"),
        ("hana --auto_pitch semitone --input a.wav", "semitone"),
        ("--auto_pitch=speech hana --input a.wav", "speech"),
        ("--input a.wav --auto_pitch -- hana", "auto"),
        ("hana --input a.wav", False),
    ],
)
def test_auto_pitch_takes_its_own_words_and_never_the_voice(words, mode, monkeypatch):
    import evaluate
    import infer

    for script, before in ((infer, ()), (evaluate, ("voice",))):
        monkeypatch.setattr("sys.argv", [script.__name__, *before, *words.split()])
        args = script.parse_args()
        assert (args.vbank, args.auto_pitch, args.input.name) == ("hana", mode, "a.wav")


@pytest.mark.parametrize(
    "words,refused",
    [
        ("hana --auto_pitch octaves --input a", "unrecognized arguments: octaves"),
        ("hana --auto_pitch=up --input a", "invalid choice: 'up'"),
    ],
)
def test_a_wrong_word_for_auto_pitch_is_refused(words, refused, monkeypatch, capsys):
    import infer

    monkeypatch.setattr("sys.argv", ["infer.py", *words.split()])
    with pytest.raises(SystemExit, match="2"):
        infer.parse_args()
    assert refused in capsys.readouterr().err


@pytest.mark.parametrize(
    "words,near",
    [
        ("evaluate par a b", "'pair'"),
        ("infer hana --input a --format wave", "'wav'"),
        ("infer hana --input a --auto_pitch=octav", "'octave'"),
        ("train_hubert --embds_dn pit data/x out/x", "'pits'"),
    ],
)
def test_wrong_commands_and_words_are_answered_with_the_nearest(words, near, monkeypatch, capsys):
    import importlib

    script, *arguments = words.split()
    monkeypatch.setattr("sys.argv", [f"{script}.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(script).parse_args()
    assert f", did you mean {near}?" in capsys.readouterr().err


def test_wrong_presets_data_folders_and_vocoders_are_answered_with_the_nearest(tmp_path):
    from checkpoints import pipeline, places
    from common.cli import UserError
    from common.presets import load_config

    (tmp_path / "hana").mkdir()
    for call, near in (
        (lambda: load_config("configs/tny.toml"), "tiny"),
        (lambda: places.require_data(tmp_path / "hanna"), "hana"),
        (lambda: pipeline.vocoder_path({}, "demo", "grifin_lim"), "griffin_lim"),
    ):
        with pytest.raises(UserError, match=f", did you mean '{near}'"):
            call()
    places.require_data(tmp_path / "hana")
