"""How long a conversion takes and how much memory: start-up, each stage, the whole, and how cost grows.

Machines are shared: what is compared alternates, times are medians of CPU seconds, ratios say more.
RTF is seconds of computing / seconds of audio, by the clock, the least of several.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import audio
from common import progress
from common.cli import UserError
from conversion.converter import VoiceConverter
from evaluation import bench_costs, bench_preprocess, bench_training
from evaluation.bench_models import official_sizes

SPEECH = Path(__file__).resolve().parent.parent / "test" / "slt_clear.wav"
SCRIPT = SPEECH.parent.parent / "infer.py"
FOLDER, SHORT = 30, 2.4  # files of a folder, and their seconds
# Runs a script as its own process would, then says what it took: CPU seconds and the peak of its memory.
MEASURED = """
import runpy, sys, time
script, sys.argv = sys.argv[1], sys.argv[1:]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as error:
    if error.code:
        raise
try:
    import resource
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = own.ru_utime + own.ru_stime, own.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
except ImportError:  # Windows
    cpu, peak = time.process_time(), 0
if sys.platform == "linux":  # where ru_maxrss begins with the peak of whoever started this process
    status = open("/proc/self/status").read()
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
print("MEASURED", cpu, peak)
"""
TORCH = "import torch, time; print('MEASURED', time.process_time(), 0)"


def speech(seconds: float) -> np.ndarray:
    """So many seconds of speech, the same sentence again and again: float32 [S] at 16 kHz."""
    return np.resize(audio.load(SPEECH), int(seconds * audio.SAMPLE_RATE))


def measured(command: list[str]) -> tuple[float, float]:
    """(CPU seconds, peak bytes) of a Python process. UserError with its words where it fails."""
    whole = [sys.executable, *command]
    done = subprocess.run(whole, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise UserError(f"the measured process failed: {done.stderr.strip()[-300:]}")
    cpu, peak = done.stdout.rpartition("MEASURED")[2].split()
    return float(cpu), float(peak)


def infer(vbank: str, source: Path, out: Path) -> tuple[float, float]:
    """`measured` of a conversion by the script."""
    options = ("--input", str(source), "--out_path", str(out))
    return measured(["-c", MEASURED, str(SCRIPT), vbank, *options])


def start_up(vbank: str, rounds: int) -> dict[str, float]:
    """CPU seconds of `import torch` and of infer.py on 2.4 s of speech, by turns, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [
            (measured(["-c", TORCH])[0], infer(vbank, SPEECH, Path(folder))[0])
            for _ in progress.each(range(rounds), "start")
        ]
    alone, whole = np.median(pairs, axis=0)
    ratio = np.median([both / torch_alone for torch_alone, both in pairs])
    return {"import torch": float(alone), "infer.py": float(whole), "ratio": float(ratio)}


def growth(vbank: str, lengths: list[float]) -> list[dict[str, float]]:
    """CPU seconds and peak memory of infer.py on files of so many seconds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in progress.each(lengths, "growth"):
            source = Path(folder) / f"{seconds:g}.wav"
            audio.save(source, speech(seconds))
            cpu, peak = infer(vbank, source, Path(folder))
            rows.append(
                {"seconds": seconds, "cpu": cpu, "cpu_per_second": cpu / seconds, "peak_gb": peak / 1e9}
            )
    return rows


def stages(converter: VoiceConverter, seconds: float) -> dict[str, Callable[[], Any]]:
    """{stage: what computes it} of a conversion of so many seconds of speech."""
    wav = speech(seconds)
    analysed = converter.analyse(wav)
    edited = converter.edit(analysed)
    given = torch.from_numpy(audio.encoder_input(analysed.prepared.wav))[None, None].to(converter.device)
    units = converter.encoder.embed(edited.analysis)
    mel = converter.acoustic.generate(units).transpose(1, 2)
    return {
        "content": lambda: converter.encoder.content.units(given),
        "pitch and loudness": lambda: _prosody(converter, given),
        "acoustic model": lambda: converter.acoustic.generate(units),
        "vocoder": lambda: converter.vocoder(mel),
        "whole": lambda: converter.convert(wav),
    }


def _prosody(converter: VoiceConverter, given: torch.Tensor) -> None:
    """What an encoder computes beside the content units; a head on the pitch model has run that one, too."""
    encoder = converter.encoder
    encoder.dyn.distribution(given)
    if getattr(encoder.dyn, "trunk", None) is not encoder.pit:
        encoder.pit.distribution(given)


@torch.inference_mode()
def timed(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """{name: (median CPU seconds, least seconds by the clock)} of functions called by turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for turn in progress.each(range(rounds + 1), "rounds", leave=False):
        for name, compute in work.items():
            cpu, clock = time.process_time(), time.perf_counter()
            compute()
            if turn:  # the first one warms caches up
                taken[name].append((time.process_time() - cpu, time.perf_counter() - clock))
    return {name: (float(np.median([c for c, _ in t])), min(w for _, w in t)) for name, t in taken.items()}


def speeds(
    converter: VoiceConverter, seconds: float, threads: int, rounds: int, reference: Any = None
) -> dict[str, dict[str, float]]:
    """{stage: CPU seconds and RTF}; with a reference, a plain chain of the same models, its ratio, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        work = stages(converter, seconds)
        if reference is not None:
            wav = speech(seconds)
            work["reference"] = lambda: reference.convert(converter, wav)
        found = timed(work, rounds)
    finally:
        torch.set_num_threads(before)
    rows = {name: {"cpu": cpu, "rtf": clock / seconds} for name, (cpu, clock) in found.items()}
    if reference is not None:
        rows["whole"]["times_faster"] = rows["reference"]["cpu"] / rows["whole"]["cpu"]
    return rows


def folder_against_file(vbank: str, count: int, seconds: float) -> dict[str, float]:
    """CPU seconds of infer.py for a second of audio, of one file and of a folder of `count` like it."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("one", "many")]
        found = []
        for place, number in progress.each([*zip(places, (1, count), strict=True)], "folder"):
            place.mkdir()
            for file in range(number):
                audio.save(place / f"{file}.wav", speech(seconds + 0.1 * (file % 5)))
            total = sum(len(audio.load(file)) for file in place.iterdir()) / audio.SAMPLE_RATE
            found.append(infer(vbank, place, Path(folder, "out"))[0] / total)
    return {"file": found[0], "folder": found[1], "ratio": found[0] / found[1]}


def measure(args: Any) -> dict[str, Any]:
    """All figures that evaluate.py bench prints, and writes with --json."""
    reference = load_reference(args.reference) if args.reference else None
    makers = {"shipped": lambda: VoiceConverter.load(args.vbank), "official": official_sizes}
    figures: dict[str, Any] = {"torch": torch.__version__, "voice": args.vbank, "threads": args.threads}
    if "start" in args.parts:
        figures["start"] = start_up(args.vbank, args.rounds)
    if "stages" in args.parts:
        figures["stages"] = {
            f"{sizes}, {threads} threads, {seconds:g} s": speeds(
                make(), seconds, threads, args.rounds, reference if sizes == "official" else None
            )
            for sizes, make in makers.items()
            if sizes in args.sizes
            for threads in args.threads
            for seconds in (args.seconds if sizes == "shipped" else args.seconds[:1])
        }
    if "folder" in args.parts:
        figures["folder"] = folder_against_file(args.vbank, FOLDER, SHORT)
    if "growth" in args.parts:
        figures["growth"] = growth(args.vbank, args.growth)
    if "preprocess" in args.parts:
        figures["preprocess"] = bench_preprocess.measure(args.vbank, args.material, args.rounds)
    if "train" in args.parts:
        figures["train"] = bench_training.measure(args.sizes, args.rounds)
    if spent := bench_costs.measured(figures):
        figures["costs"] = bench_costs.costs(spent)
    return figures


def load_reference(path: Path) -> Any:
    """The module of a plain chain: a function convert(converter, wav) from the models of a converter."""
    import importlib.util  # noqa: PLC0415  of this function alone

    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError(f"{path}: expected a Python file with convert(converter, wav)")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures as tables in Markdown."""
    out = [f"torch {figures['torch']}, {figures['processor']}, voice {figures['voice']}"]
    if start := figures.get("start"):
        out += ["", "| start-up | CPU s |", "| --- | ---: |"]
        out += [f"| {name} | {start[name]:.2f} |" for name in ("import torch", "infer.py")]
        out += [f"| ratio | {start['ratio']:.2f} |"]
    for title, rows in figures.get("stages", {}).items():
        out += ["", f"| {title} | CPU s | RTF | times faster |", "| --- | ---: | ---: | ---: |"]
        out += [
            f"| {name} | {row['cpu']:.2f} | {row['rtf']:.3f} | {_or_nothing(row.get('times_faster'))} |"
            for name, row in rows.items()
        ]
    if folder := figures.get("folder"):
        out += ["", "| 30 files of about 2.4 s | CPU s for a second of audio |", "| --- | ---: |"]
        out += [f"| one alone | {folder['file']:.3f} |", f"| in a folder | {folder['folder']:.3f} |"]
        out += [f"| ratio | {folder['ratio']:.2f} |"]
    if grown := figures.get("growth"):
        out += ["", "| length, s | CPU s | for a second of audio | peak memory, GB |"]
        out += ["| ---: | ---: | ---: | ---: |"]
        out += [
            f"| {row['seconds']:g} | {row['cpu']:.1f} | {row['cpu_per_second']:.3f} | {row['peak_gb']:.2f} |"
            for row in grown
        ]
    parts = {"preprocess": bench_preprocess, "train": bench_training, "costs": bench_costs}
    return out + [
        line for name, part in parts.items() if name in figures for line in part.lines(figures[name])
    ]


def _or_nothing(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
