"""Options of the scripts that convert to a voice, and the converter that they ask for."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import progress
from common.cli import UserError, path, voice, voice_or_file, word_or_path

if TYPE_CHECKING:
    from conversion.converter import VoiceConverter


GIVEN = re.compile(r"((?:[A-Za-z]:[\\/])?[^:]+):(.+)")  # a path of Windows has a colon of its own


def share(text: str) -> tuple[str, float | Path]:
    """argparse type: VOICE:SHARE with a share from 0 to 1, or a CSV of them."""
    parts = GIVEN.fullmatch(text)
    if not parts:
        raise argparse.ArgumentTypeError(f"expected VOICE:SHARE such as kathleen:0.3, found {text!r}")
    voice, much = voice_or_file(parts[1]), parts[2]
    if path(much).suffix.lower() == ".csv":
        return voice, path(much)
    try:
        value = float(much)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1 or a .csv, found {much!r}")
    return voice, value


def add_voice_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The arguments of all scripts that convert to a voice; returns the group of those about prosody."""
    models = parser.add_argument_group("models", "those that the voice was made with, unless given here")
    models.add_argument(
        "--dataset",
        type=voice,
        help="encoders that analyse the input, a name below out/ (default: those of the voice's card)",
    )
    models.add_argument(
        "--content",
        type=path,
        metavar="FILE",
        help="content encoder (default: the one the voice was made with)",
    )
    models.add_argument(
        "--vocoder",
        type=word_or_path,
        metavar="FILE",
        help="a file of train_vocoder.py, official, or griffin_lim (default: the preset's)",
    )
    models.add_argument(
        "--mix",
        type=share,
        action="append",
        default=[],
        metavar="VOICE:SHARE",
        help="mix another voice in, such as kathleen:0.3; in place of the number a .csv with columns time_s "
        "and share lets it change over time (may be given several times)",
    )
    models.add_argument(
        "--rate",
        type=int,
        metavar="HZ",
        help="of the conversions: 16000 of any voice (default: the voice's, where its vocoder has that, too)",
    )
    models.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    models.add_argument(
        "--amp",
        choices=("auto", "off"),
        default="auto",
        help="auto computes products in bfloat16 where the processor does, in two thirds of the time; "
        "off never, as other processors do (default: %(default)s)",
    )
    group = parser.add_argument_group("prosody", "pitch and loudness are the source's unless changed here")
    group.add_argument(
        "--pitdyn",
        choices=("hubert", "tracker"),
        help="source of pitch and loudness: the trained models, or an F0 tracker with a level meter "
        "(default: as in training)",
    )
    group.add_argument(
        "--transpose",
        type=float,
        default=0.0,
        metavar="ST",
        help="move the melody by so many semitones: 12 is an octave up, -12 an octave down",
    )
    group.add_argument(
        "--auto_pitch",
        nargs="?",
        const="auto",
        default=False,
        choices=("auto", "octave", "semitone", "speech"),
        help="move the melody to the voice's pitch: a song by octaves, which keeps its key, speech onto the "
        "voice's median, narrowed to the trained range (a word chooses: octave, semitone or speech)",
    )
    group.add_argument(
        "--fold",
        action="store_true",
        help="what is too high for the voice comes an octave lower, what is too low an octave higher; a line "
        "sung without a break moves as a whole",
    )
    group.add_argument(
        "--pitch_scale",
        type=float,
        default=1.0,
        metavar="X",
        help="widen (above 1) or flatten (to 0) the melody around its median",
    )
    group.add_argument(
        "--dyn_gain",
        type=float,
        default=0.0,
        metavar="DB",
        help="louder or softer; never clips, and says how much fits",
    )
    group.add_argument(
        "--dyn_scale",
        type=float,
        default=1.0,
        metavar="X",
        help="widen (above 1) or flatten (to 0) loud and soft around the speech level",
    )
    group.add_argument(
        "--breath",
        type=float,
        default=0.0,
        metavar="DB",
        help="more or less noise between the harmonics of the voice than it has",
    )
    group.add_argument(
        "--pitch_from",
        type=path,
        metavar="WAV",
        help="take the melody of another recording of the same words",
    )
    group.add_argument("--dyn_from", type=path, metavar="WAV", help="take the loudness of another recording")
    return group


def from_arguments(args: argparse.Namespace, device) -> tuple[VoiceConverter, dict[str, Any]]:
    """What `add_voice_arguments` asked for: a converter on `device`, and the options of its `edit`.

    Raises UserError for options that cannot be met whatever the source is.
    """
    # Late: the help of a script must not wait for torch.
    import audio  # noqa: PLC0415
    from conversion import mixing  # noqa: PLC0415
    from conversion.converter import CONTENT_ONLY, VoiceConverter  # noqa: PLC0415
    from conversion.prosody import Controls, melody_at  # noqa: PLC0415

    options = {name: getattr(args, name) for name in Controls.__dataclass_fields__}
    controls = Controls(**options)
    others = {name: path for name in ("pitch_from", "dyn_from") if (path := getattr(args, name))}
    wavs = {name: audio.load(path) for name, path in others.items()}
    shares = mixing.read(args.mix) if args.mix else []
    converter = VoiceConverter.load(
        args.vbank,
        args.dataset,
        content=args.content,
        vocoder=args.vocoder,
        device=device,
        pitdyn=args.pitdyn,
        rate=args.rate,
        amp=args.amp,
    )
    for line in converter.notes:
        progress.say(f"{args.vbank}: {line}")
    converter = mixing.mixed(converter, shares) if shares else converter
    files = [name for name in ("prosody_in", "prosody_out") if getattr(args, name, None) is not None]
    if converter.labels is None and (wanted := [*controls.changed(), *others, *files]):
        raise UserError(f"{args.vbank}: --{', --'.join(wanted)}: {CONTENT_ONLY}")
    analysed = {}
    for name, wav in wavs.items():
        with progress.recording(others[name].name, len(wav) / audio.SAMPLE_RATE) as advance:
            analysed[name] = converter.analyse(wav, advance)
    if "pitch_from" in analysed:  # a recording without a melody is refused before the first source
        melody_at(converter.curve(analysed["pitch_from"]), [0.0], args.pitch_from)
    return converter, {**options, **analysed}
