"""Convert a wav, or every recording in a folder, to a trained voice."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vbank", help="voice: out/<vbank>/acoustic/model-best.pt")
    parser.add_argument("--dataset", required=True, help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    parser.add_argument(
        "--input", type=cli.path, required=True, help="an audio file, or a folder (with all below)"
    )
    parser.add_argument(
        "--out_path", type=cli.path, default=Path("gen"), help="folder (default: %(default)s)"
    )
    parser.add_argument("--trim", action="store_true", help="leave off the silence at the ends of the source")
    parser.add_argument(
        "--plot", action="store_true", help="also draw spectrograms with F0, to <stem>_<vbank>.png"
    )
    parser.add_argument("--content", type=cli.path, help="content encoder (default: the one trained with)")
    parser.add_argument("--vocoder", help="a HiFi-GAN file, official, or griffin_lim (default: the preset's)")
    parser.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    return parser.parse_args()


def convert_file(converter, source: Path, target: Path, args: argparse.Namespace) -> None:
    """One file, read, converted, written, and drawn if asked for."""
    import audio

    wav = audio.load(source)
    converted = converter.convert(wav, trim=args.trim)
    audio.save(target, converted)
    if args.plot:
        import plots

        figure = plots.spectrograms_with_f0({source.name: wav, target.name: converted})
        plots.save(figure, target.with_suffix(".png"))


def main() -> int:
    args = parse_args()
    import batch

    files = batch.targets(batch.sources(args.input), args.vbank, args.out_path)
    from tqdm import tqdm

    from converter import VoiceConverter
    from training import choose_device

    converter = VoiceConverter.load(
        args.vbank,
        args.dataset,
        content=args.content,
        vocoder=args.vocoder,
        device=choose_device(args.device),
    )
    failures = []
    for source, target in tqdm(files.items(), desc=args.vbank, disable=None):
        try:
            convert_file(converter, source, target, args)
            tqdm.write(str(target))
        except Exception as error:  # noqa: BLE001  one bad file must not end the batch
            failures.append((str(source), str(error) or type(error).__name__))
    return cli.report_failures(failures, len(files))


if __name__ == "__main__":
    sys.exit(cli.run(main))
