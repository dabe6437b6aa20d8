"""Measure: one conversion, a voice on a folder, label models, the layers of a trunk, or vocoders."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="a recording and its conversion")
    pair.add_argument("source", type=cli.path, help="the recording that was converted")
    pair.add_argument("converted", type=cli.path, help="what became of it, of the same length")
    pair.add_argument("--text", help="what is said in it (English), for WER and CER")
    pair.add_argument(
        "--reference", type=cli.path, help="the same sentence spoken by the target, for the MCD"
    )
    pair.add_argument("--plot", type=cli.path, help="also draw spectrograms, F0 and loudness to this file")
    voice = commands.add_parser("voice", help="convert a folder with a voice, and measure")
    voice.add_argument("vbank", nargs="?", type=cli.voice, help="voice: out/<vbank>/acoustic/model-best.pt")
    cli.add_voice_arguments(voice, required=False)
    voice.add_argument("--input", type=cli.path, help="an audio file, or a folder (with all below)")
    voice.add_argument(
        "--out_path", type=cli.path, default=Path("gen"), help="folder for wavs (default: %(default)s)"
    )
    voice.add_argument(
        "--compare",
        type=cli.path,
        nargs=2,
        metavar=("A", "B"),
        help="convert nothing: differences B - A of two files that --json wrote",
    )
    voice.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    heads = commands.add_parser("heads", help="pitch and dynamics models on labelled recordings")
    heads.add_argument("dataset", help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    heads.add_argument(
        "--floor", type=cli.path, help="data folder whose most frequent classes are the floor (--data)"
    )
    heads.add_argument("--content", type=cli.path, help="content encoder (default: the one trained with)")
    heads.add_argument("--config", type=cli.path, help="preset (default: configs/base.toml)")
    layers = commands.add_parser("layers", help="how well each layer of a trunk tells pitch and loudness")
    layers.add_argument("trunk", help="a HuBERT checkpoint, or hubert-soft or hubert-discrete (official)")
    layers.add_argument("--train", type=cli.path, required=True, help="data folder to train the probes on")
    layers.add_argument("--files", type=int, default=300, help="training recordings (default: %(default)s)")
    layers.add_argument("--steps", type=int, default=600, help="of each probe (default: %(default)s)")
    layers.add_argument("--plot", type=cli.path, help="also draw the table to this file")
    vocoder = commands.add_parser("vocoder", help="recordings through mel and vocoder, against themselves")
    vocoder.add_argument("vocoders", nargs="+", help="files, official, or griffin_lim")
    vocoder.add_argument("--input", type=cli.path, required=True, help="an audio file, or a folder")
    vocoder.add_argument("--config", type=cli.path, help="preset, for the level of mels")
    vocoder.add_argument(
        "--tell_pitch",
        action="store_true",
        help="again for those that can be told the pitch, as in a conversion: by the labels' tracker",
    )
    vocoder.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    for command in (heads, layers):
        command.add_argument(
            "--data", type=cli.path, required=True, help="data folder, made by preprocess.py --pitdyn"
        )
        command.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    for command in (voice, vocoder):
        command.add_argument(
            "--texts", type=cli.path, help="CSV with columns path and text, matched by file name, for the WER"
        )
    for command in (pair, voice, heads, layers, vocoder):
        command.add_argument("--json", type=cli.path, help="also write the figures to this file")
    for command in (pair, voice):
        command.add_argument(
            "--target_dir", type=cli.path, help="recordings of the target, for the speaker similarity"
        )
    args = parser.parse_args()
    if args.command == "voice" and not args.compare:
        absent = [f"--{n}" if n != "vbank" else n for n in ("vbank", "dataset", "input") if not vars(args)[n]]
        if absent:
            voice.error(f"needs {', '.join(absent)}, or --compare A B")
    return args


def say(line: str) -> None:
    """One line beside the tables."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def load_known(args: argparse.Namespace):
    """The judges, and what they compare with; whoever is not installed says so here."""
    import audio
    import batch
    from evaluation.judges import Judges
    from evaluation.pair import Known

    judges = Judges(say)
    target = None
    if args.target_dir:
        target = judges.target(list(batch.sources(args.target_dir)), args.target_dir.as_posix())
    reference = audio.load(args.reference) if getattr(args, "reference", None) else None
    return Known(judges, say, text=getattr(args, "text", None), reference=reference, target=target)


def evaluate_pair(args: argparse.Namespace) -> int:
    import audio
    from evaluation import pair, report

    source, converted = audio.load(args.source), audio.load(args.converted)
    known = load_known(args)
    figures, curves = pair.measure(source, converted, known)
    conditions = pair.conditions(known, known.text is not None, converted)
    print(f"{args.source} -> {args.converted}\n")
    print(f"{report.pair_table(figures)}\n\n{report.conditions_lines(conditions)}")
    if args.json:
        report.write_json(args.json, {**figures, "conditions": conditions})
    if args.plot:
        import plots
        from evaluation.metrics import octave_error_frames

        wavs = {args.source.name: curves.source, f"{args.converted.name} (converted)": curves.converted}
        plots.save(plots.conversion(wavs, curves.f0, octave_error_frames(*curves.f0)), args.plot)
    return cli.DONE


def evaluate_file(
    converter, options: dict, known, target: Path, text: str | None, source: Path
) -> dict[str, float]:
    """Convert one file, write it, and measure what was written."""
    from dataclasses import replace

    import audio
    from evaluation import pair

    wav = audio.load(source)
    performance = converter.perform(converter.hear(wav), **options)
    audio.save(target, converter.render(performance))
    figures, _ = pair.measure(wav, audio.load(target), replace(known, text=text))
    if performance.curve is not None:
        figures |= pair.told(performance.source.wav, performance.curve.melody, say)
    return figures


def evaluate_voice(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    import batch
    from converter import from_arguments
    from devices import choose_device
    from evaluation import pair, report
    from parallel import guarded

    places = batch.sources(args.input)
    texts = batch.texts(places, args.texts, say)
    converter, options = from_arguments(args, choose_device(args.device))
    known = load_known(args)
    files, failures = {}, []
    for source, target in tqdm(batch.targets(places, args.vbank, args.out_path).items(), disable=None):
        work = partial(evaluate_file, converter, options, known, target, texts[source])
        figures, reason = guarded(work, source)
        if reason:
            failures.append((str(source), reason))
        else:
            files[places[source].as_posix()] = figures
    if files:
        summary = report.means(files, args.seed)
        conditions = pair.conditions(known, any(texts.values()))
        print(f"{report.files_table(files)}\n\n{report.means_table(summary)}\n")
        print(report.conditions_lines(conditions))
        if args.json:
            content = {"voice": args.vbank, "conditions": conditions, "means": summary, "files": files}
            report.write_json(args.json, content)
    return cli.report_failures(failures, len(places))


def compare_voices(args: argparse.Namespace) -> int:
    from evaluation import report

    first, second = (report.read_voice_json(path) for path in args.compare)
    for line in report.other_conditions(first, second):
        say(line)
    changes = report.differences(first, second, args.seed)
    print(f"{args.compare[1]} - {args.compare[0]}\n\n{report.differences_table(changes)}")
    if args.json:
        report.write_json(args.json, changes)
    return cli.DONE


def evaluate_heads(args: argparse.Namespace) -> int:
    import stages
    from config import load_config
    from datafolder import DataFolder
    from devices import choose_device
    from evaluation import heads

    folder = DataFolder(args.data)
    parts = stages.load_encoder(
        load_config(args.config), args.dataset, args.content, device=choose_device(args.device)
    )
    pit, dyn = parts.labels
    readers = {
        "models": heads.model_reader(heads.predictor(parts.encoder.pit, parts.encoder.dyn), pit, dyn),
        **heads.bounds(folder, DataFolder(args.floor or args.data), pit, dyn),
    }
    scores = heads.score_folder(folder, readers, pit, dyn)
    rows = {name: score.figures() for name, score in scores["models"].items()}
    rows = {**rows, **{n if n != "models" else "all": heads.pooled(s).figures() for n, s in scores.items()}}
    return show_rows(args, folder, rows, "speaker")


def evaluate_layers(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    import checkpoints
    import official
    from datafolder import DataFolder
    from devices import choose_device
    from evaluation import layers

    path = official.find(args.trunk) if args.trunk in official.FILES else cli.path(args.trunk)
    trunk = checkpoints.load_hubert(path).to(choose_device(args.device))
    folder, progress = DataFolder(args.data), partial(tqdm, disable=None)
    rows = layers.layer_table(
        trunk, DataFolder(args.train), folder, args.files, args.steps, progress=progress
    )
    if args.plot:
        import plots

        plots.save(layers.picture(rows, f"{path}, on {folder.root}"), args.plot)
    return show_rows(args, folder, rows, "layer")


def show_rows(args: argparse.Namespace, folder, rows: dict, first: str) -> int:
    """Figures of `evaluation.heads`, printed and written."""
    from evaluation import heads, report

    witnesses = heads.witnesses_of(folder)
    print(f"{report.shares_table(rows, heads.TITLES, first)}\n\nF0 reference: {witnesses[0]}, on the frames")
    print(f"where {witnesses[1]} agrees about voicing; per cent")
    if args.json:
        report.write_json(args.json, {"trackers": list(witnesses), first: rows})
    return cli.DONE


def evaluate_vocoders(args: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm

    import audio
    import batch
    import stages
    from config import load_config
    from devices import choose_device, processor_name
    from evaluation import cepstrum, copies, report, trackers
    from evaluation.judges import Judges
    from parallel import guarded

    config, device, judges = load_config(args.config), choose_device(args.device), Judges(say)
    places = batch.sources(args.input)
    texts = batch.texts(places, args.texts, say)
    ways = {"the recordings": lambda path: copies.judged(audio.load(path), judges, texts[path])}
    for name in args.vocoders:
        vocoder = stages.load_vocoder(config, "", name, device=device)
        renders = {name: copies.by_mel(vocoder)}
        if args.tell_pitch and hasattr(vocoder, "sing"):
            renders[f"{name}, told the pitch"] = partial(sing, vocoder, config["labels"]["pit"]["tracker"])
        for label, render in renders.items():
            make = partial(copies.copy_of, render, level_db=config["audio"]["level_db"], device=device)
            ways[label] = lambda path, make=make: copies.measure(make, path, judges, say, texts[path])
    rows, failures = {name: {} for name in ways}, []
    for name, way in ways.items():
        for path in tqdm(places, desc=name, disable=None):
            figures, reason = guarded(way, path)
            if reason:
                failures.append((str(path), reason))
            else:
                rows[name][str(path)] = figures
    print(f"{report.copies_table(rows)}\n")
    print(f"RTF: best of {copies.RUNS}, {processor_name(device)}, {torch.get_num_threads()} threads")
    print(f"tracker: {trackers.tracker(say)}\nmcd: {cepstrum.describe()}, no DTW")
    if args.json:
        report.write_json(args.json, rows)
    return cli.report_failures(failures, len(places) * len(ways))


def sing(vocoder, tracker: str, mel, wav):
    """A recording's mel [1, 128, T] by a vocoder told the F0 that the tracker finds in its wav [S]."""
    from hubert_pitdyn import pitch
    from vocoder.dataset import sing_units

    return sing_units(vocoder, mel, pitch.track(wav, pitch.resolve(tracker)))


COMMANDS = {
    "pair": evaluate_pair,
    "voice": lambda args: compare_voices(args) if args.compare else evaluate_voice(args),
    "heads": evaluate_heads,
    "layers": evaluate_layers,
    "vocoder": evaluate_vocoders,
}


def main() -> int:
    args = parse_args()
    return COMMANDS[args.command](args)


if __name__ == "__main__":
    sys.exit(cli.run(main))
