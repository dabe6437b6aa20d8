"""Convert recordings to a trained voice: the words, the melody and the loudness stay.

    python infer.py scottpoid --input test/slt_clear.wav
    python infer.py scottpoid --input deep_voice.wav --transpose 12
    python infer.py hana --input songs --auto_pitch --dyn_gain 3
    python infer.py hana --input songs --mix kathleen:0.3
    python infer.py hana --input speech.wav --prosody_out curve.csv
    python infer.py --voices

Edit curve.csv in a spreadsheet, then run the same with --prosody_in curve.csv. The file holds the prosody
after all other options, so rows that were not edited change nothing.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from common import cli
from conversion import arguments, names_out


class Show(argparse.Action):
    """An option that prints what there is to know of the voices here, or of one, and ends."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:  # noqa: ANN001  argparse's
        from listening import voices

        print(voices.described(values) if values else voices.listed())
        parser.exit()


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    voice = parser.add_argument_group("voice")
    voice.add_argument(
        "vbank",
        type=cli.voice_or_file,
        help="the voice to convert to: a name below out/ (the folder has acoustic/), the zip or folder of a "
        "voice that was handed on, or user/repo on the Hugging Face hub",
    )
    voice.add_argument("--voices", action=Show, nargs=0, help="list the voices here: range, rate, terms")
    voice.add_argument("--card", action=Show, metavar="VOICE", help="print what a voice says of itself")
    given = parser.add_argument_group("what goes in")
    given.add_argument(
        "--input",
        type=cli.path,
        required=True,
        help="what to convert: an audio file, or a folder with all below it",
    )
    given.add_argument("--trim", action="store_true", help="leave off the silence at the ends of the source")
    given.add_argument(
        "--scheduler", metavar="ADDRESS", help="hand the files to a Dask cluster: see docs/training.md"
    )
    add_output(parser)
    prosody = arguments.add_voice_arguments(parser)
    prosody.add_argument(
        "--prosody_out",
        type=cli.path,
        metavar="FILE",
        help="write time, F0, voicing and loudness of every 20 ms, to edit: a .csv for a spreadsheet, a .ds "
        "for DiffSinger's tools, a .mid for a sequencer (a folder of .csv when --input is one)",
    )
    prosody.add_argument(
        "--prosody_in",
        type=cli.path,
        metavar="FILE",
        help="convert with that file (or those of that folder) as edited: .csv, .ds, .mid, or a project of "
        "OpenUtau (.ustx) or UTAU (.ust); what it says replaces what the other options give, so give these "
        "as when it was written",
    )
    return parser.parse_args()


def add_output(parser: argparse.ArgumentParser) -> None:
    """What conversions are written as."""
    made = parser.add_argument_group("what comes out")
    made.add_argument(
        "--out_path",
        type=cli.path,
        default=Path("gen"),
        help="folder to write the conversions into (default: %(default)s)",
    )
    made.add_argument(
        "--format",
        choices=("wav", "flac", "ogg", "mp3"),
        default="wav",
        help="of the conversions: wav and flac lose nothing, ogg and mp3 are small (default: %(default)s)",
    )
    made.add_argument("--bits", type=int, choices=(16, 24), help="of a wav or flac (default: 16)")
    made.add_argument(
        "--name_pattern",
        default=names_out.PATTERN,
        metavar="NAME",
        help="of the conversions, without suffix; {source} is the recording's name, {voice} the voice's, "
        "{number} the place in the batch, and a / makes a folder (default: %(default)s)",
    )
    made.add_argument(
        "--plot", action="store_true", help="also draw spectrograms with F0, to <stem>_<vbank>.png"
    )
    made.add_argument(
        "--report",
        action="store_true",
        help="also write a page with players, pictures and figures, <stem>_<vbank>.html, and the figures as "
        "<stem>_<vbank>.json",
    )


def main() -> int:
    args = parse_args()
    from checkpoints import places, terms
    from common import progress
    from common.files import require_writable
    from conversion.files import convert_file, planned
    from conversion.room import require_room

    if args.scheduler and args.report:
        raise cli.UserError("--report is made on this machine alone; leave it or --scheduler out")
    files = planned(args)  # wrong paths and names are refused before models load
    for voice in (args.vbank, *(other for other, _ in args.mix)):
        places.voice_path(voice)
    if args.dataset:
        places.require_dataset(args.dataset)
    require_writable(args.out_path)
    pairs = [(file.source, file.target) for file in files]
    require_room(pairs, args.report)
    if args.scheduler:
        from conversion.on_cluster import convert

        return convert(args, files)
    progress.say(f"loading {args.vbank} ...")
    from common.devices import choose_device
    from conversion import batch
    from conversion.arguments import from_arguments

    converter, options = from_arguments(args, choose_device(args.device))
    require_room(pairs, args.report, converter.rate)
    for name, conditions in terms.lines(places.voice_name(args.vbank), converter.card).items():
        progress.say(f"{name}: {conditions}")
    report = None
    if args.report:
        from evaluation.scorers import recordings_of
        from listening.report import Reports

        report = Reports(args.vbank, converter.card, recordings_of, progress.say)
    failures = []
    several = {} if len(files) > 1 else {"disable": True}  # one has the bar of its recording
    settings = {"options": options, "trim": args.trim, "plot": args.plot, "bits": args.bits or 16}
    work = partial(convert_file, converter, **settings, report=report)
    outcomes = batch.outcomes(work, files, together=not (args.plot or args.report))
    for file, notes, reason in progress.each(outcomes, args.vbank, len(files), unit="file", **several):
        if reason:
            failures.append((str(file.source), reason))
            continue
        for line in (str(file.target), *(f"  {file.source.name}: {note}" for note in notes)):
            progress.write(line)
    return cli.report_failures(failures, len(files))


if __name__ == "__main__":
    sys.exit(cli.run(main))
