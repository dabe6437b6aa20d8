"""The commands of evaluate.py: each measures, prints its tables and returns the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

import audio
from checkpoints import models, official, pipeline
from common import cli, progress
from common.devices import choose_device, processor_name
from common.presets import load_config
from common.workers import guarded
from conversion import headers, mixing
from conversion.arguments import from_arguments
from conversion.files import convertible, find_sources, require_apart, target_paths
from evaluation import (
    bench,
    bench_tables,
    cepstrum,
    copies,
    heads,
    layers,
    pair,
    report,
    sound,
    spectra,
    trackers,
    wide,
)
from evaluation.metrics import octave_error_frames
from evaluation.pair import Known
from evaluation.scorers import Scorers
from evaluation.texts import read_texts
from hubert_pitdyn import plots
from preprocessing.data_folder import DataFolder


def load_known(args: argparse.Namespace):
    """The scorers, and what they compare with; what is not installed is reported here."""
    scorers = Scorers(progress.say, args.language)
    target = None
    if args.target_dir:
        target = scorers.target(list(find_sources(args.target_dir)), args.target_dir.as_posix())
    reference = audio.load(args.reference) if getattr(args, "reference", None) else None
    return Known(scorers, progress.say, text=getattr(args, "text", None), reference=reference, target=target)


def evaluate_pair(args: argparse.Namespace) -> int:
    source, converted = audio.load(args.source), audio.load(args.converted)
    known = load_known(args)
    figures, curves = pair.measure(source, converted, known)
    conditions = pair.conditions(known, known.text is not None, converted)
    print(cli.printable(f"{args.source} -> {args.converted}") + "\n")
    print(f"{report.pair_table(figures)}\n\n{report.conditions_lines(conditions)}")
    if args.json:
        report.write_json(args.json, {**figures, "conditions": conditions})
    if args.plot:
        wavs = {args.source.name: curves.source, f"{args.converted.name} (converted)": curves.converted}
        wrong = octave_error_frames(*curves.f0)
        if curves.doubtful is not None:
            wrong &= ~curves.doubtful
        plots.save(plots.conversion(wavs, curves.f0, wrong), args.plot)
    return cli.DONE


def evaluate_file(
    converter, options: dict, known, target: Path, text: str | None, source: Path
) -> dict[str, float]:
    """Convert one file, write it, and measure what was written: `pair.measure` and `sound.of_conversion`."""
    wav = audio.load(source)
    edited = converter.edit(converter.analyse(wav), **options)
    about = headers.comment(options, edited.notes)
    audio.save(target, converter.synthesise(edited), about, rate=converter.rate)
    made = audio.load(target)
    figures, _ = pair.measure(wav, made, replace(known, text=text))
    figures |= sound.of_conversion(wav, made, target, converter.rate, progress.say)
    if edited.curve is not None:
        figures |= pair.given_melody(edited.source.wav, edited.curve.melody, progress.say)
    return figures


def evaluate_voice(args: argparse.Namespace) -> int:
    places = convertible(args.input, args.out_path)
    targets = target_paths(places, mixing.name_of(args.vbank, args.mix), args.out_path)
    require_apart([*places, args.pitch_from, args.dyn_from], targets.values())
    texts = read_texts(places, args.texts, progress.say)
    converter, options = from_arguments(args, choose_device(args.device))
    known, own = load_known(args), None
    if args.target_dir:  # before hours of conversions: one of its files may not be readable
        own = sound.of_target(list(find_sources(args.target_dir)), converter.rate, progress.say)
    files, failures = {}, []
    for source, target in progress.each(targets.items(), str(args.vbank), unit="file"):
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
        content = {
            "voice": mixing.name_of(args.vbank, args.mix),
            "conditions": conditions,
            "means": summary,
            "files": files,
        }
        if own:
            content["sound"] = sound.compared(list(files.values()), own)
            print(f"{report.sound_table(content['sound'])}\n")
        print(report.conditions_lines(conditions))
        if args.json:
            report.write_json(args.json, content)
    return cli.report_failures(failures, len(places))


def compare_voices(args: argparse.Namespace) -> int:
    first, second = (report.read_voice_json(path) for path in args.compare)
    for line in report.other_conditions(first, second):
        progress.say(line)
    changes = report.differences(first, second, args.seed)
    print(f"{args.compare[1]} - {args.compare[0]}\n\n{report.differences_table(changes)}")
    if args.json:
        report.write_json(args.json, changes)
    return cli.DONE


def evaluate_heads(args: argparse.Namespace) -> int:
    folder = DataFolder(args.data)
    parts = pipeline.load_encoder(
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
    path = official.find(args.trunk) if args.trunk in official.FILES else cli.path(args.trunk)
    trunk = models.load_hubert(path).to(choose_device(args.device))
    folder = DataFolder(args.data)
    rows = layers.layer_table(trunk, DataFolder(args.train), folder, args.files, args.steps)
    if args.plot:
        plots.save(layers.picture(rows, f"{path}, on {folder.root}"), args.plot)
    return show_rows(args, folder, rows, "layer")


def show_rows(args: argparse.Namespace, folder, rows: dict, first: str) -> int:
    """Figures of `evaluation.heads`, printed and written."""
    reference, second = heads.trackers_of(folder)
    print(f"{report.fractions_table(rows, heads.TITLES, first)}\n\nF0 reference: {reference}, on the frames")
    print(f"where {second} agrees about voicing; per cent")
    if args.json:
        report.write_json(args.json, {"trackers": [reference, second], first: rows})
    return cli.DONE


def evaluate_vocoders(args: argparse.Namespace) -> int:
    config, device = load_config(args.config), choose_device(args.device)
    scorers = Scorers(progress.say, args.language)
    places = find_sources(args.input)
    tracker = config["labels"]["pit"]["tracker"]
    if args.wide:
        return show_copies(args, places, wide_ways(args, config, device), report.WIDE_COLUMNS, device)
    texts = read_texts(places, args.texts, progress.say)
    ways = {
        "the recordings": lambda path: copies.scores(audio.load(path), scorers, texts[path], progress.say)
    }
    for name in args.vocoders:
        vocoder = pipeline.load_vocoder(config, "", name, device=device).at_16_khz()
        renders = {name: copies.by_mel(vocoder)}
        if args.given_f0 and vocoder.conditioned_on_f0:
            renders[f"{name}, given the F0"] = partial(copies.by_mel_and_f0, vocoder, tracker)
        for label, render in renders.items():
            make = partial(copies.copy_of, render, level_db=copies.level_of(vocoder, config), device=device)
            ways[label] = lambda path, make=make: copies.measure(
                make, path, scorers, progress.say, texts[path]
            )
    code = show_copies(args, places, ways, report.COPY_COLUMNS, device)
    print(f"tracker: {trackers.tracker(progress.say)}\nmcd: {cepstrum.describe()}, no DTW")
    return code


def wide_ways(args: argparse.Namespace, config: dict, device) -> dict[str, Callable[[Path], dict]]:
    """How each vocoder of --wide is measured. UserError for one that ends at 8 kHz."""
    ways = {}
    for name in args.vocoders:
        vocoder = pipeline.load_vocoder(config, "", name, device=device)
        if not vocoder.band.is_wide:
            raise cli.UserError(f"{name}: expected a vocoder of more than 16 kHz with --wide, it has 16 kHz")
        more = {"level_db": copies.level_of(vocoder, config), "tracker": config["labels"]["pit"]["tracker"]}
        ways[name] = partial(wide.measure, vocoder, **more, device=device)
    return ways


def show_copies(args: argparse.Namespace, places, ways: dict, columns: dict, device) -> int:
    """Figures of every recording in every way, printed as a table and written; returns the exit code."""
    rows, failures = {name: {} for name in ways}, []
    for name, way in ways.items():
        for path in progress.each(places, name, unit="file"):
            figures, reason = guarded(way, path)
            if reason:
                failures.append((str(path), reason))
            else:
                rows[name][str(path)] = figures
    print(f"{report.copies_table(rows, columns)}\n")
    runs = 1 if args.wide else copies.RUNS
    print(f"RTF: best of {runs}, {processor_name(device)}, {torch.get_num_threads()} threads")
    if args.json:
        report.write_json(args.json, rows)
    return cli.report_failures(failures, len(places) * len(ways))


def evaluate_bench(args: argparse.Namespace) -> int:
    figures = {**bench.measure(args), "processor": processor_name(torch.device("cpu"))}
    print("\n".join(bench_tables.lines(figures)))
    if args.json:
        report.write_json(args.json, figures)
    return cli.DONE


def draw_spectra(args: argparse.Namespace) -> int:
    sounds = {path.as_posix(): spectra.read(path) for path in args.sounds}
    plots.save(spectra.picture(sounds), args.plot)
    print(cli.printable(f"{args.plot}: {len(sounds)} sounds"))
    return cli.DONE


COMMANDS = {
    "pair": evaluate_pair,
    "voice": lambda args: compare_voices(args) if args.compare else evaluate_voice(args),
    "heads": evaluate_heads,
    "layers": evaluate_layers,
    "vocoder": evaluate_vocoders,
    "bench": evaluate_bench,
    "spectra": draw_spectra,
}
