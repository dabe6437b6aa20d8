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
