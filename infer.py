"""Let a trained voice say or sing what somebody else said or sang: the words, melody and loudness stay."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli
from conversion import arguments

EXAMPLES = """examples:
  python infer.py scottpoid --dataset demo --input test/slt_clear.wav
  python infer.py scottpoid --dataset demo --input deep_voice.wav --transpose 12
  python infer.py hana --dataset databaker --input songs --auto_pitch --dyn_gain 3
  python infer.py hana --dataset databaker --input speech.wav --prosody_out curve.csv
      (edit curve.csv in a spreadsheet, then the same with --prosody_in curve.csv; it holds what is sung,
      after all other options, so rows that were not edited stay as they are)
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "vbank", type=cli.voice, help="the voice to convert to: a name below out/ (the folder has acoustic/)"
    )
    parser.add_argument(
        "--input",
        type=cli.path,
        required=True,
        help="what to convert: an audio file, or a folder with all below it",
    )
    parser.add_argument(
        "--out_path",
        type=cli.path,
        default=Path("gen"),
        help="folder to write <file>_<vbank>.wav into (default: %(default)s)",
    )
    parser.add_argument("--trim", action="store_true", help="leave off the silence at the ends of the source")
    parser.add_argument(
        "--plot", action="store_true", help="also draw spectrograms with F0, to <stem>_<vbank>.png"
    )
    prosody = arguments.add_voice_arguments(parser)
    prosody.add_argument(
        "--prosody_out",
        type=cli.path,
        metavar="CSV",
        help="write time, F0, voicing and loudness of every 20 ms, to edit (a folder when --input is one)",
    )
    prosody.add_argument(
        "--prosody_in",
        type=cli.path,
        metavar="CSV",
        help="perform that file as edited (or that folder's); it has the last word, so give the other "
        "options as when it was written",
    )
    return parser.parse_args()


def convert_file(
    converter, source: Path, target: Path, curves: tuple, options: dict, args
) -> tuple[str, ...]:
    """One file: read, converted, written, and drawn if asked for. Returns what there is to say about it.

    curves: the prosody files to read and to write, or None.
    """
    import audio
    from conversion import prosody_csv

    wav, (given, wanted) = audio.load(source), curves
    edited = converter.edit(converter.analyse(wav), prosody_in=given, **options)
    if wanted:
        prosody_csv.write(wanted, edited.curve, edited.source.start)
    converted = converter.synthesise(edited, args.trim)
    audio.save(target, converted)
    if args.plot:
        from hubert_pitdyn import plots

        figure = plots.spectrograms_with_f0({source.name: wav, target.name: converted})
        plots.save(figure, target.with_suffix(".png"))
    return edited.notes


def main() -> int:
    args = parse_args()
    from conversion.files import curve_paths, find_sources, target_paths

    places, single = find_sources(args.input), args.input.is_file()
    files = target_paths(places, args.vbank, args.out_path)
    given = curve_paths(places, args.prosody_in, single, "--prosody_in", read=True)
    wanted = curve_paths(places, args.prosody_out, single, "--prosody_out", read=False)
    from tqdm import tqdm

    from common.devices import choose_device
    from conversion.arguments import from_arguments

    converter, options = from_arguments(args, choose_device(args.device))
    failures = []
    for source, target in tqdm(files.items(), desc=args.vbank, disable=None):
        try:
            notes = convert_file(converter, source, target, (given[source], wanted[source]), options, args)
            tqdm.write("\n".join([str(target), *(f"  {source.name}: {note}" for note in notes)]))
        except Exception as error:  # noqa: BLE001  one bad file must not end the batch
            failures.append((str(source), str(error) or type(error).__name__))
    return cli.report_failures(failures, len(files))


if __name__ == "__main__":
    sys.exit(cli.run(main))
