"""Pictures: label curves over a spectrogram, mels side by side, spectrograms with F0."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

import audio
from common.files import atomic_path
from common.names import readable
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import PitLabels

# matplotlib's own font, then one that each system has for names in Chinese, Japanese and Korean.
FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Hiragino Sans")
FONTS += ("Arial Unicode MS", "WenQuanYi Zen Hei", "IPAGothic")


def _figure(rows: int, title: str):
    from matplotlib.figure import Figure  # noqa: PLC0415  slow to load, and pictures are rare

    figure = Figure(figsize=(10, 2.6 * rows), layout="constrained")
    figure.suptitle(readable(title))
    return figure, figure.subplots(rows, 1, squeeze=False)[:, 0]


def label_curves(title: str, truth: np.ndarray, guess: np.ndarray, unit: str):
    """Decoded labels [N] against decoded predictions [N] over time; zeros of F0 are left out."""
    figure, (axis,) = _figure(1, title)
    seconds = (np.arange(len(truth)) + 0.5) / audio.UNIT_RATE
    for values, name in ((truth, "label"), (guess, "prediction")):
        shown = np.where(values == 0, np.nan, values) if unit == "Hz" else values
        axis.plot(seconds, shown, ".-", markersize=3, linewidth=1, label=name)
    axis.set(xlabel="s", ylabel=unit)
    axis.legend(loc="upper right")
    return figure


def mels(title: str, **named: np.ndarray):
    """Log-mels [T,128], one row each, on one colour scale."""
    figure, axes = _figure(len(named), title)
    for axis, (name, mel) in zip(axes, named.items(), strict=True):
        axis.imshow(mel.T, origin="lower", aspect="auto", vmin=-9, vmax=1, extent=(0, len(mel) / 100, 0, 128))
        axis.set(ylabel=name)
    axes[-1].set(xlabel="s")
    return figure


def labels_over_spectrogram(title: str, wav: np.ndarray, f0: np.ndarray, db: np.ndarray):
    """Spectrogram of a prepared wav [S] with quantised F0 [N] (Hz, 0 unvoiced); loudness [N] (dB) below."""
    figure, (above, below) = _figure(2, title)
    _spectrogram(above, wav, f0)
    below.plot((np.arange(len(db)) + 0.5) / audio.UNIT_RATE, db)
    below.set(xlabel="s", ylabel="loudness, dB re active level", xlim=above.get_xlim())
    return figure


def spectrograms_with_f0(wavs: dict[str, np.ndarray]):
    """{title: wav [S]}, one spectrogram a row, each with the F0 tracked in it."""
    figure, axes = _figure(len(wavs), "")
    for axis, (title, wav) in zip(axes, wavs.items(), strict=True):
        whole = audio.on_grid(wav)
        _spectrogram(axis, whole, pitch.track(whole))
        axis.set_title(readable(title), fontsize=9)
    axes[-1].set(xlabel="s")
    return figure


def conversion(wavs: dict[str, np.ndarray], f0: tuple[np.ndarray, np.ndarray], marked: np.ndarray):
    """A source and its conversion, {title: wav [320N]}, with their F0 [N] in Hz; the loudness of both below.

    marked: bool [N], frames that are shaded in all three (octave errors).
    """
    figure, axes = _figure(3, "")
    for axis, (title, wav), track in zip(axes, wavs.items(), f0, strict=False):
        _spectrogram(axis, wav, track)
        axis.set_title(readable(title), fontsize=9)
        db = audio.loudness(wav)
        axes[2].plot((np.arange(len(db)) + 0.5) / audio.UNIT_RATE, db, linewidth=1, label=readable(title))
    axes[2].set(xlabel="s", ylabel="loudness, dB", xlim=axes[0].get_xlim())
    axes[2].legend(loc="lower right", fontsize=8)
    edges = np.flatnonzero(np.diff(marked.astype(int), prepend=0, append=0)) / audio.UNIT_RATE
    for start, stop in edges.reshape(-1, 2):
        for axis in axes:
            axis.axvspan(start, stop, color="limegreen", alpha=0.3, linewidth=0)
    if len(edges):
        figure.suptitle("shaded: octave errors", fontsize=9)
    return figure


def _spectrogram(axis, wav: np.ndarray, f0: np.ndarray) -> None:
    with np.errstate(divide="ignore"):  # digital silence has no logarithm
        axis.specgram(wav, NFFT=512, Fs=audio.SAMPLE_RATE, noverlap=384, cmap="magma", vmin=-140, vmax=-30)
    seconds = (np.arange(len(f0)) + 0.5) / audio.UNIT_RATE
    axis.set(ylabel="Hz", ylim=(0, 4000), xlim=(0, len(wav) / audio.SAMPLE_RATE))
    # On the spectrogram's own scale a sentence's melody would be a few pixels high.
    pitch_axis = axis.twinx()
    pitch_axis.plot(seconds, np.where(f0 > 0, f0, np.nan), color="cyan", linewidth=2)
    pitch_axis.set(ylabel="F0, Hz", yscale="log", ylim=(PitLabels.f_min, PitLabels.f_max))
    ticks = (75, 100, 150, 200, 300, 400, 600, 800)
    pitch_axis.set_yticks(ticks, [str(tick) for tick in ticks])
    pitch_axis.minorticks_off()


def save(figure, path: Path) -> None:
    """Write a figure to a picture file (png, svg, pdf by its suffix)."""
    from matplotlib import font_manager  # noqa: PLC0415  slow to load, and pictures are rare
    from matplotlib.text import Text  # noqa: PLC0415  slow to load, and pictures are rare

    installed = {font.name for font in font_manager.fontManager.ttflist}
    for text in figure.findobj(Text):
        text.set_fontfamily([font for font in FONTS if font in installed])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box in a title is no fault
        with atomic_path(path) as part:
            figure.savefig(part, dpi=110)


def show(path: Path) -> None:
    """Open a picture file with the system's viewer."""
    import webbrowser  # noqa: PLC0415  for --window alone

    webbrowser.open(path.resolve().as_uri())
