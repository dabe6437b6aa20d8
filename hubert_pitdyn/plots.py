"""Pictures of one family: spectrograms with F0, melodies, loudness, mels, and lines over anything else.

Spectra are dark on white, from 0 Hz to half the rate on a mel axis, on which F0 lies on its own harmonic.
What is compared is dashed and black, what was made of it solid and orange; further lines differ in dashes and
markers, too, for colour-blind people and printers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

import audio
from common.files import atomic_path
from common.names import readable
from hubert_pitdyn import pitch

# matplotlib's own font, then one that each system has for names in Chinese, Japanese and Korean.
FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Hiragino Sans")
FONTS += ("Arial Unicode MS", "WenQuanYi Zen Hei", "IPAGothic")
# From soft to loud, with the places of its shades.
SPECTRUM = ((0, "#ffffff"), (0.3, "#e6ebf4"), (0.55, "#aebcd8"))
SPECTRUM += ((0.75, "#6a80ae"), (0.9, "#32446a"), (1, "#0e131d"))
FIRST = {"color": "#111111", "linestyle": (0, (3, 1.6)), "linewidth": 1.5}  # source, target, label
SECOND = {"color": "#d55e00", "linewidth": 2.0}  # conversion, prediction, what was generated
# Okabe and Ito's colours, each with dashes and a marker of its own.
OTHERS = (
    {"color": "#0072b2", "linestyle": (0, (7, 2)), "marker": "s"},
    {"color": "#009e73", "linestyle": (0, (7, 2, 1.5, 2)), "marker": "^"},
    {"color": "#aa4499", "linestyle": (0, (1.5, 1.5)), "marker": "D"},
    {"color": "#8a6d00", "linestyle": (0, (4, 1.5, 1.5, 1.5, 1.5, 1.5)), "marker": "v"},
)
SHADES = 40  # that the eye tells apart, and files stay small
GRID = "#dddddd"
RANGE_DB = 75.0  # of a spectrum, below the loudest that is drawn
QUIET_DB = -60.0  # the least that a scale ends at: silence is white
LOG_MEL_DB = 20 / np.log(10)  # dB in one of a log-mel's natural logarithms
# Samples at 16 kHz of a spectrum's columns; more where there would be more than COLUMNS.
WINDOW, HOP = 512, 80
COLUMNS, ROWS = 900, 256
HERTZ = (0, 200, 500, 1000, 2000, 4000, 8000, 16000)  # marks of the mel axis
F0_HERTZ = (50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1000)
LEAST_SPAN = 2 ** (10 / 12)  # of an F0 axis: flat melodies are drawn flat


def mel(hertz: np.ndarray | float) -> np.ndarray:
    """Slaney's mel scale, that of the vocoders' mels: linear up to 1000 Hz, logarithmic above."""
    hertz = np.asarray(hertz, dtype=np.float64)
    return np.where(
        hertz < 1000, hertz * 0.015, 15 + np.log(np.maximum(hertz, 1000) / 1000) * 27 / np.log(6.4)
    )


def hertz(mels: np.ndarray) -> np.ndarray:
    """The inverse of `mel`."""
    return np.where(mels < 15, mels / 0.015, 1000 * 6.4 ** ((np.maximum(mels, 15) - 15) / 27))


TOP, HIGHEST = float(mel(audio.SAMPLE_RATE / 2)), float(mel(20000))  # of axes at 16 kHz and at any rate


def panels(heights: list[float], title: str = "", columns: int = 1, width: float = 10.0):
    """A figure and its axes, one below the other in inches, or side by side in `columns`."""
    from matplotlib.figure import Figure  # noqa: PLC0415  slow to load, and pictures are rare

    figure = Figure(figsize=(width, sum(heights) + 0.8), layout="constrained")
    figure.suptitle(readable(title), fontsize=11)
    ratios = {"height_ratios": heights} if len(heights) > 1 else {}
    axes = figure.subplots(len(heights), columns, squeeze=False, sharex="col", **ratios)
    return figure, axes.T.flatten() if columns == 1 else axes.flatten()


def styles():
    """Styles of lines, in turn: the first two as everywhere, then others."""
    return cycle([{**FIRST, "marker": "o"}, {**SECOND, "marker": "x"}, *OTHERS])


def label_curves(title: str, truth: np.ndarray, guess: np.ndarray, unit: str):
    """Decoded labels [N] against decoded predictions [N] over time; zeros of F0 are left out."""
    figure, (axis,) = panels([2.8], title)
    curves = {"label": truth, "prediction": guess}
    if unit == "Hz":
        _melodies(axis, curves)
    else:
        _lines(axis, curves, f"loudness, {unit} re active level")
    return _finished(figure, axis)


def mels(title: str, **named: np.ndarray):
    """Log-mels [T, 128] side by side, on one colour scale, from 0 to 8000 Hz."""
    figure, axes = panels([2.4], title, columns=len(named), width=8.5)
    step = TOP / (audio.N_MELS + 1)  # from one filter's centre to the next
    edges = step / 2, TOP - step / 2
    scale = {"vmin": LOG_MEL_DB * -9, "vmax": LOG_MEL_DB}
    for axis, (name, values) in zip(axes, named.items(), strict=True):
        seconds = len(values) * audio.MEL_HOP / audio.SAMPLE_RATE
        image = _image(axis, LOG_MEL_DB * np.asarray(values).T, (0, seconds, *edges), scale)
        axis.set_title(readable(name), loc="left", fontsize=10)
        axis.set(xlabel="time, s")
    for axis in axes[1:]:
        axis.set(ylabel="")
        axis.tick_params(labelleft=False)
    figure.colorbar(image, ax=list(axes), label="mel magnitude, dB", pad=0.01)
    return figure


def melody_and_loudness(title: str, **named: tuple[np.ndarray, np.ndarray]):
    """(F0 [N] in Hz, loudness [N] in dB) of each, the melodies above, the loudness below."""
    figure, (above, below) = panels([1.8, 1.2], title, width=7.5)
    _melodies(above, {name: f0 for name, (f0, _) in named.items()})
    _lines(below, {name: db for name, (_, db) in named.items()}, "loudness, dBFS")
    return _finished(figure, below)


def melodies(title: str, f0: dict[str, np.ndarray]):
    """{name: F0 [N] in Hz}, 0 = unvoiced, on one axis."""
    figure, (axis,) = panels([3.4], title)
    _melodies(axis, f0)
    return _finished(figure, axis)


def labels_over_spectrogram(title: str, wav: np.ndarray, f0: np.ndarray, db: np.ndarray):
    """Spectrogram of a prepared wav [S] with quantised F0 [N] (Hz, 0 unvoiced); both labels [N] below."""
    figure, axes = panels([2.4, 1.8, 1.3], title)
    image = _spectrograms(axes[:1], [wav], [f0], [SECOND])
    _melodies(axes[1], {"label": f0}, [SECOND])
    _lines(axes[2], {"label": db}, "loudness,\ndB re active level", [SECOND])
    figure.colorbar(image, ax=axes[0], label="dBFS", pad=0.01)
    return _finished(figure, axes[-1])


def conversion(
    wavs: dict[str, np.ndarray],
    f0: tuple[np.ndarray, np.ndarray] | None = None,
    marked: np.ndarray | None = None,
    rates: tuple[int, int] = (audio.SAMPLE_RATE, audio.SAMPLE_RATE),
):
    """A source and its conversion, {title: wav [S]}, with their F0 [N] in Hz; F0 and loudness of both below.

    f0: tracked where it is not given; marked: bool [N], frames that are hatched (octave errors); rates: Hz.
    """
    figure, axes = panels([2.3, 2.3, 2.0, 1.4])
    sounds = [audio.on_grid(audio.to_mono_16k(*pair)) for pair in zip(wavs.values(), rates, strict=True)]
    tracks = [pitch.track(wav) for wav in sounds] if f0 is None else f0
    image = _spectrograms(axes[:2], list(wavs.values()), tracks, [FIRST, SECOND], rates)
    for axis, name in zip(axes, wavs, strict=False):
        axis.set_title(readable(name), loc="left", fontsize=10)
    figure.colorbar(image, ax=list(axes[:2]), label="dBFS", pad=0.01)
    _melodies(axes[2], dict(zip(wavs, tracks, strict=True)))
    levels = (audio.loudness(wav) for wav in sounds)
    _lines(axes[3], dict(zip(wavs, levels, strict=True)), "loudness, dBFS")
    if marked is not None:
        _hatch(axes, marked, "octave errors")
    return _finished(figure, axes[-1])


def with_legend(figure):
    """One legend above all: lines of one name are one thing."""
    shown = {}
    for one in reversed(figure.axes):  # those of lines first
        handles, names = one.get_legend_handles_labels()
        shown.update(zip(names, handles, strict=True))
    look = {"ncols": 4, "fontsize": 9, "frameon": False, "handlelength": 3.2}
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", **look)
    return figure


def _finished(figure, axis):
    """Time on the lowest axis, and a legend."""
    axis.set(xlabel="time, s")
    return with_legend(figure)


def drawn(axis, values: np.ndarray, extent: tuple[float, ...], scale: dict[str, float]):
    """[rows, columns] of a spectrum, the first row lowest, in the colours of all pictures."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415  see `panels`

    colours = LinearSegmentedColormap.from_list("ink", SPECTRUM, N=SHADES)
    look = {"origin": "lower", "aspect": "auto", "cmap": colours, "interpolation": "nearest"}
    return axis.imshow(values, extent=extent, **look, **scale)


def _image(axis, values: np.ndarray, extent: tuple[float, ...], scale: dict[str, float], top: float = TOP):
    """[rows, columns] over (seconds, mels), marked in Hz."""
    image = drawn(axis, values, extent, scale)
    marks = [mark for mark in HERTZ if mel(mark) <= top]
    axis.set_yticks(mel(marks), [str(mark) for mark in marks])
    axis.set(ylim=(0, top), ylabel="frequency, Hz")
    return image


def _spectrograms(axes, wavs: list, f0: list, look: list[dict], rates=(audio.SAMPLE_RATE,)):
    """Spectra of [S] on one colour scale, each with F0 [N] where it is in them; an image of them."""
    top = min(HIGHEST, float(mel(max(rates) / 2)))
    spectra = [spectrum(wav, rate, top) for wav, rate in zip(wavs, rates, strict=True)]
    loudest = max(QUIET_DB, 5 * np.ceil(max(np.percentile(db, 99.9) for db in spectra) / 5))
    scale = {"vmin": loudest - RANGE_DB, "vmax": loudest}
    for axis, db, wav, rate, curve, style in zip(axes, spectra, wavs, rates, f0, look, strict=True):
        image = _image(axis, db, (0, len(wav) / rate, 0, top), scale, top)
        voiced = np.where(curve > 0, mel(curve), np.nan)
        axis.plot(_times(curve), voiced, color="white", linewidth=style["linewidth"] + 2, alpha=0.85)
        axis.plot(_times(curve), voiced, **style)
    return image


def spectrum(wav: np.ndarray, rate: int = audio.SAMPLE_RATE, top: float = TOP) -> np.ndarray:
    """[S] -> dB [ROWS, columns] re a sine of full scale, rows evenly spaced from 0 Hz to `top` mels."""
    hop = max(audio.at_rate(HOP, rate), -(-len(wav) // COLUMNS))
    size = max(audio.at_rate(WINDOW, rate), hop)
    count = max(1, len(wav) // hop)
    padded = np.pad(np.asarray(wav, dtype=np.float32), (size // 2, size))
    n_fft = 2 << (size - 1).bit_length()
    window = np.hanning(size).astype(np.float32)
    edges = hertz(np.linspace(0, top, ROWS + 1)) * n_fft / rate
    out = np.empty((count, ROWS), dtype=np.float32)
    for start in range(0, count, 256):  # memory stays bounded on recordings of hours
        at = np.arange(start, min(start + 256, count))[:, None] * hop + np.arange(size)
        power = np.abs(np.fft.rfft(padded[at] * window, n_fft)) ** 2
        # Power below each edge; a row has the mean of what lies between two, none above half the rate.
        below = np.pad(np.cumsum(power, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
        inside = np.minimum(edges, power.shape[1] - 1)
        upto = below[:, inside.astype(int)] + power[:, inside.astype(int)] * (inside % 1)
        out[start : start + len(at)] = np.diff(upto, axis=1) / np.diff(edges)
    return 10 * np.log10(out.T / (window.sum() / 2) ** 2 + 1e-14)


def _times(values: np.ndarray) -> np.ndarray:
    return (np.arange(len(values)) + 0.5) / audio.UNIT_RATE


def _melodies(axis, f0: dict[str, np.ndarray], look: list[dict[str, Any]] | None = None) -> None:
    """F0 [N] in Hz, 0 = unvoiced, on an axis that is even in semitones."""
    for (name, curve), style in zip(f0.items(), look or styles(), strict=False):
        axis.plot(_times(curve), np.where(curve > 0, curve, np.nan), label=readable(name), **_thin(style))
    known = np.concatenate([curve[curve > 0] for curve in f0.values()] or [[]])
    low, high = (known.min(), known.max()) if len(known) else (100.0, 200.0)
    spare = max(2 ** (1.5 / 12), np.sqrt(LEAST_SPAN / (high / low)))
    axis.set(yscale="log", ylim=(low / spare, high * spare), ylabel="F0, Hz")
    marks = [mark for mark in F0_HERTZ if low / spare <= mark <= high * spare]
    axis.set_yticks(marks, [str(mark) for mark in marks])
    axis.minorticks_off()
    axis.grid(axis="y", color=GRID, linewidth=0.6)


def _lines(axis, curves: dict[str, np.ndarray], unit: str, look: list[dict[str, Any]] | None = None) -> None:
    """Curves [N] at the units' centres."""
    for (name, curve), style in zip(curves.items(), look or styles(), strict=False):
        axis.plot(_times(curve), curve, label=readable(name), **_thin(style))
    axis.set(ylabel=unit, xlim=(0, max(len(curve) for curve in curves.values()) / audio.UNIT_RATE))
    axis.grid(axis="y", color=GRID, linewidth=0.6)


def _thin(style: dict[str, Any]) -> dict[str, Any]:
    """A style for curves of hundreds of points: a marker on each would hide its dashes."""
    return {name: value for name, value in style.items() if name != "marker"}


def _hatch(axes, marked: np.ndarray, name: str) -> None:
    """Frames, bool [N], hatched in all axes."""
    edges = np.flatnonzero(np.diff(marked.astype(int), prepend=0, append=0)) / audio.UNIT_RATE
    for start, stop in edges.reshape(-1, 2):
        for axis in axes:
            axis.axvspan(start, stop, fill=False, hatch="////", edgecolor="#0072b2", linewidth=0, label=name)


@contextmanager
def fonts(figure) -> Iterator[None]:
    """The block draws a figure with names in any script, as far as this machine has fonts for them."""
    from matplotlib import font_manager  # noqa: PLC0415  slow to load, and pictures are rare
    from matplotlib.text import Text  # noqa: PLC0415  slow to load, and pictures are rare

    installed = {font.name for font in font_manager.fontManager.ttflist}
    for text in figure.findobj(Text):
        text.set_fontfamily([font for font in FONTS if font in installed])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box in a title is no fault
        yield


def save(figure, path: Path) -> None:
    """Write a figure to a picture file (png, svg, pdf by its suffix)."""
    with fonts(figure), atomic_path(path) as part:
        figure.savefig(part, dpi=110)


def show(path: Path) -> None:
    """Open a picture file with the system's viewer."""
    import webbrowser  # noqa: PLC0415  for --window alone

    webbrowser.open(path.resolve().as_uri())
