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
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import audio
from common import progress
from common.advance import Advance
from common.cli import UserError
from common.devices import exactly_threads
from common.precision import choice, products
from conversion import batch
from conversion.converter import VoiceConverter
from conversion.files import BatchFile, convert_file
from conversion.rates import mel_for
from evaluation import bench_costs, bench_models, bench_preprocess, bench_training

Reference = Callable[[np.ndarray], Any]  # a plain chain: what it makes of a wav [S]
SPEECH = Path(__file__).resolve().parent.parent / "test" / "slt_clear.wav"
SCRIPT = SPEECH.parent.parent / "infer.py"
FOLDER, SHORT = 30, 2.4  # files of a folder, and their seconds
STREAMED, BLOCK = 60.0, 1600  # seconds of a stream, and samples of its blocks
# Runs a script as its own process would.
SCRIPTED = """
import runpy, sys
script, sys.argv = sys.argv[1], sys.argv[1:]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as error:
    if error.code:
        raise
"""
# Converts a file as infer.py does, with models of random weights: sizes, --amp, source, target.
RANDOM = """
import sys
from pathlib import Path
from conversion.files import BatchFile, convert_file
from evaluation import bench_models
converter = bench_models.SIZES[sys.argv[1]](sys.argv[2])
convert_file(converter, BatchFile(*map(Path, sys.argv[3:]), None, None), {}, False, False)
"""
# What a process took: CPU seconds and the peak of its memory.
TAKEN = """
import sys, time
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


def measured(program: str, *arguments: object) -> tuple[float, float]:
    """(CPU seconds, peak bytes) of a Python process. UserError with its words where it fails."""
    whole = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(whole, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise UserError(f"the measured process failed: {done.stderr.strip()[-300:]}")
    cpu, peak = done.stdout.rpartition("MEASURED")[2].split()
    return float(cpu), float(peak)


def infer(voice: list[str], source: Path, out: Path) -> tuple[float, float]:
    """`measured` of a conversion by the script; voice: its name, and options on its models."""
    return measured(SCRIPTED + TAKEN, SCRIPT, *voice, "--input", source, "--out_path", out)


def start_up(voice: list[str], rounds: int) -> dict[str, float]:
    """CPU seconds of `import torch` and of infer.py on 2.4 s of speech, by turns, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [
            (measured(TORCH)[0], infer(voice, SPEECH, Path(folder))[0])
            for _ in progress.each(range(rounds), "start")
        ]
    alone, whole = np.median(pairs, axis=0)
    ratio = np.median([both / torch_alone for torch_alone, both in pairs])
    return {"import torch": float(alone), "infer.py": float(whole), "ratio": float(ratio)}


def growth(
    voice: list[str], sizes: list[str], lengths: list[float], amp: str = "auto"
) -> list[dict[str, Any]]:
    """CPU seconds and peak memory of conversions of files of so many seconds, each in a process of its own.

    sizes: "shipped" is infer.py with the voice, others are of `bench_models`.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size, seconds in progress.each([(s, n) for s in sizes for n in lengths], "growth"):
            source, target = Path(folder) / f"{seconds:g}.wav", Path(folder) / "out" / "out.wav"
            audio.save(source, speech(seconds))
            if size == "shipped":
                cpu, peak = infer(voice, source, target.parent)
            else:
                cpu, peak = measured(RANDOM + TAKEN, size, amp, source, target)
            row = {"sizes": size, "seconds": seconds, "cpu": cpu, "cpu_per_second": cpu / seconds}
            rows.append({**row, "peak_gb": peak / 1e9})
    return rows


def stages(converter: VoiceConverter, seconds: float) -> dict[str, Callable[[], Any]]:
    """{stage: what computes it} of a conversion of so many seconds of speech."""
    wav = speech(seconds)
    analysed = converter.analyse(wav)
    edited = converter.edit(analysed)
    given = torch.from_numpy(audio.encoder_input(analysed.prepared.wav))[None, None].to(converter.device)
    units = converter.encoder.embed(edited.analysis)
    mel = mel_for(converter.vocoder, converter.acoustic, converter.acoustic.generate(units))
    return {
        "content": partial(content, converter, given),
        "content, pitch and loudness": lambda: converter.encoder.analyse(given),
        "acoustic model": lambda: converter.acoustic.generate(units),
        "vocoder": lambda: converter.vocoder(mel),
        "whole": lambda: converter.convert(wav),
    }


def content(converter: VoiceConverter, wav: torch.Tensor) -> torch.Tensor:
    """Content units of a wav [1, 1, S], in the numbers that a conversion has them in."""
    with products(converter.encoder, wav):
        return converter.encoder.content.units(wav)


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
    converter: VoiceConverter, seconds: float, threads: int, rounds: int, reference: Reference | None = None
) -> dict[str, dict[str, float]]:
    """{stage: CPU seconds and RTF}; with a reference, how much longer that takes, too."""
    with exactly_threads(threads):
        work = stages(converter, seconds)
        if reference is not None:
            wav = speech(seconds)
            work["reference"] = lambda: reference(wav)
        found = timed(work, rounds)
    rows = {name: {"cpu": cpu, "rtf": clock / seconds} for name, (cpu, clock) in found.items()}
    if reference is not None:
        rows["whole"]["times_faster"] = rows["reference"]["cpu"] / rows["whole"]["cpu"]
    return rows


def streamed(converter: VoiceConverter, seconds: float, threads: int, rounds: int) -> dict[str, float]:
    """Latency of a stream in seconds, its RTF on so many seconds of speech, and that of the whole at once."""
    wav = speech(seconds)
    blocks = np.array_split(wav, range(BLOCK, len(wav), BLOCK))
    stream = partial(converter.stream, level_db=audio.level(wav))
    ways = {"stream": lambda: list(stream(blocks)), "whole": lambda: converter.convert(wav)}
    with exactly_threads(threads):
        found = timed(ways, rounds)
    rates = {name: clock / seconds for name, (_, clock) in found.items()}
    return {**rates, "latency": stream(blocks).latency, "seconds": seconds, "threads": threads}


def folder_against_files(
    converter: VoiceConverter, count: int, seconds: float, threads: int, rounds: int
) -> dict[str, float]:
    """Seconds by the clock that `count` files take for a second of audio, one by one and as a batch.

    "ratio" is what the batch gains, "bound" what it could if files on a thread each did not slow one another.
    """
    with tempfile.TemporaryDirectory() as place, exactly_threads(threads):
        files, total = [], 0
        for number in range(count):
            wav = speech(seconds + 0.1 * (number % 5))
            source = Path(place) / f"{number}.wav"
            audio.save(source, wav)
            files.append(BatchFile(source, Path(place) / "out" / source.name, None, None))
            total += len(wav) / audio.SAMPLE_RATE

        def convert(together: bool) -> None:
            def work(file: BatchFile, advance: Advance) -> tuple[str, ...]:
                return convert_file(converter, file, {}, False, False, advance=advance)

            if failed := [reason for *_, reason in batch.outcomes(work, files, together) if reason]:
                raise UserError(f"a conversion failed: {failed[0]}")

        def on_one_thread() -> None:
            with exactly_threads(1):
                convert(False)

        ways = {"one_by_one": partial(convert, False), "batch": partial(convert, True)}
        found = timed({**ways, "one_thread": on_one_thread}, rounds)
    rates = {name: clock / total for name, (_, clock) in found.items()}
    ratios = {"ratio": rates["one_by_one"] / rates["batch"]}
    ratios["bound"] = threads * rates["one_by_one"] / rates["one_thread"]
    return {**rates, **ratios, "threads": threads}


def measure(args: Any) -> dict[str, Any]:
    """All figures that evaluate.py bench prints, and writes with --json."""
    voice = [args.vbank, "--amp", args.amp, *(["--dataset", args.dataset] if args.dataset else [])]
    shipped = cache(partial(VoiceConverter.load, args.vbank, args.dataset, amp=args.amp))
    makers = {"shipped": shipped}
    makers |= {name: partial(make, args.amp) for name, make in bench_models.SIZES.items()}
    reference = None
    if args.reference:
        reference = partial(load_reference(args.reference).convert, bench_models.official_sizes("off"))
    figures: dict[str, Any] = {"torch": torch.__version__, "voice": args.vbank, "threads": args.threads}
    dtype = choice(args.amp, torch.device("cpu"))
    figures["products"] = str(dtype or torch.float32).removeprefix("torch.")
    if "start" in args.parts:
        figures["start"] = start_up(voice, args.rounds)
    if "stages" in args.parts:
        figures["stages"] = {
            f"{sizes}, {threads} threads, {seconds:g} s": speeds(
                make(), seconds, threads, args.rounds, None if sizes == "shipped" else reference
            )
            for sizes, make in makers.items()
            if sizes in args.sizes
            for threads in args.threads
            for seconds in (args.seconds if sizes == "shipped" else args.seconds[:1])
        }
    if "stream" in args.parts:
        figures["stream"] = streamed(shipped(), STREAMED, max(args.threads), args.rounds)
    if "folder" in args.parts:
        most = max(args.threads)
        figures["folder"] = folder_against_files(shipped(), FOLDER, SHORT, most, args.rounds)
    if "growth" in args.parts:
        figures["growth"] = growth(voice, args.growth_sizes, args.growth, args.amp)
    if "preprocess" in args.parts:
        figures["preprocess"] = bench_preprocess.measure(args.vbank, args.material, args.rounds)
    if "train" in args.parts:
        sizes = [name for name in args.sizes if name in ("shipped", "official")]  # which are presets
        figures["train"] = bench_training.measure(sizes, args.rounds)
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
