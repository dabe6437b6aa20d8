"""What `bench` has measured, as tables."""

from __future__ import annotations

from typing import Any

from evaluation import bench, bench_costs, bench_preprocess, bench_training


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures as tables in Markdown."""
    first = [f"torch {figures['torch']}", figures["processor"], f"voice {figures['voice']}"]
    out = [", ".join([*first, f"products in {figures['products']}"])]
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
    if stream := figures.get("stream"):
        title = f"{stream['seconds']:g} s in blocks, {stream['threads']} threads"
        out += ["", f"| {title} | |", "| --- | ---: |", f"| latency, s | {stream['latency']:.1f} |"]
        out += [f"| RTF of the {name} | {stream[name]:.3f} |" for name in ("stream", "whole")]
    if folder := figures.get("folder"):
        title = f"{bench.FOLDER} files of about {bench.SHORT} s, {folder['threads']} threads"
        out += ["", f"| {title} | s by the clock for a second of audio |", "| --- | ---: |"]
        out += [f"| one by one | {folder['one_by_one']:.3f} |", f"| as a batch | {folder['batch']:.3f} |"]
        out += [f"| one by one, one thread | {folder['one_thread']:.3f} |"]
        out += [f"| ratio | {folder['ratio']:.2f} |", f"| … it could be at most | {folder['bound']:.2f} |"]
    if grown := figures.get("growth"):
        out += ["", "| sizes | length, s | CPU s | for a second of audio | peak memory, GB |"]
        out += ["| --- | ---: | ---: | ---: | ---: |"]
        out += [
            f"| {row['sizes']} | {row['seconds']:g} | {row['cpu']:.1f} | {row['cpu_per_second']:.3f} "
            f"| {row['peak_gb']:.2f} |"
            for row in grown
        ]
    parts = {"preprocess": bench_preprocess, "train": bench_training, "costs": bench_costs}
    return out + [
        line for name, part in parts.items() if name in figures for line in part.lines(figures[name])
    ]


def _or_nothing(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
