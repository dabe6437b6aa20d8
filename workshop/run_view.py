"""How a training looks on the page: what it does, its losses as a picture, its samples."""

from __future__ import annotations

import time
from html import escape

from workshop.controls import bar, words
from workshop.documents import url
from workshop.jobs import Progress
from workshop.runs import Log, Training
from workshop.samples import Sample

WIDTH, HEIGHT = 640, 190  # of the picture of losses, with LEFT, BOTTOM and TOP for its labels
LEFT, BOTTOM, TOP, RIGHT = 46, 30, 12, 14
LAST = 12  # lines of the log that are shown


def status(training: Training | None) -> str:
    """HTML: the bar, or how it ended."""
    if training is None:
        return ""
    name = escape(training.plan.name)
    if training.state == "done":
        return (
            f'<div class="done" role="status"><p><b>{name} is trained</b> and can be chosen in '
            f"<i>Convert</i>. {words(time.monotonic() - training.began)} in all.</p></div>"
        )
    if training.state == "failed":
        return f'<p class="trouble" role="alert">{escape(training.reason)}</p>'
    if training.state == "stopped":
        return (
            f'<div class="done" role="status"><p><b>stopped</b>: Train resumes {name} where it was</p></div>'
        )
    return bar(progress(training))


def progress(training: Training) -> Progress:
    """Of the step at work; the time left is that of the training alone."""
    seconds = time.monotonic() - training.began
    number = f"{training.at + 1} of {len(training.steps)}: {training.step.title}"
    if training.state == "stopping":
        return Progress(f"{number}, stopping after this step", None, seconds)
    log = training.log
    if training.step.title == "training":
        if not log.step or not log.total:
            return Progress(number, None, seconds)
        loss = f", loss {log.train[-1][1]:.3f}" if log.train else ""
        valid = f", validation {log.valid[-1][1]:.3f}" if log.valid else ""
        text = f"{number}, step {log.step} of {log.total}{loss}{valid}"
        return Progress(text, min(1.0, log.step / log.total), seconds, log.left)
    made, prepared = training.made()
    share = min(1.0, made / prepared) if prepared and made else None
    return Progress(f"{number}, {made} files made", share, seconds)


def picture(log: Log) -> str:
    """HTML: the losses over the steps, as SVG; training thin and dashed, validation wide with points."""
    values = [loss for _, loss in (*log.train, *log.valid)]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or 0.05
    low, high, last = low - pad, high + pad, max(log.total, log.step, 1)

    def place(step: int, loss: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        return across, TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low)

    def path(points: list[tuple[int, float]]) -> str:
        places = (place(*point) for point in points)
        return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places) if points else ""

    points = "".join(
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4"><title>step {step}: {loss:.4f}</title></circle>'
        for step, loss in log.valid
        for across, down in [place(step, loss)]
    )
    scale = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place(0, loss)[1]:.1f}" y2="{place(0, loss)[1]:.1f}"/>'
        f'<text x="{LEFT - 7}" y="{place(0, loss)[1] + 4:.1f}" text-anchor="end">{loss:.2f}</text>'
        for loss in _marks(low, high)
    )
    steps = "".join(
        f'<text x="{place(step, low)[0]:.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">{text}</text>'
        for step, anchor, text in (
            (0, "middle", "0"),
            (last // 2, "middle", f"{last // 2}"),
            (last, "end", f"{last} steps"),
        )
    )
    return (
        f'<figure class="sheet losses"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Losses over {log.step} steps">{scale}{steps}<path class="train" d="{path(log.train)}"/>'
        f'<path class="valid" d="{path(log.valid)}"/>{points}</svg>'
        '<figcaption><span class="train">training</span><span class="valid">validation</span>'
        "<span>mean absolute error of log-mels</span></figcaption></figure>"
    )


def _marks(low: float, high: float) -> list[float]:
    """Three or four round losses between low and high."""
    steps = [base * 10.0**power for power in range(-4, 3) for base in (1, 2, 5)]
    step = next((one for one in steps if (high - low) / one <= 4), steps[-1])
    first = int(low / step) + 1
    return [number * step for number in range(first, first + 5) if number * step < high]


def samples(made: list[Sample]) -> str:
    """HTML: a player each, the newest first."""
    if not made:
        return ""
    rows = "".join(
        f"<li><span>step {sample.step}</span>"
        + (
            f'<audio controls preload="metadata" src="{escape(url(sample.path))}" '
            f'aria-label="Sample of step {sample.step}"></audio>'
            if sample.path
            else f"<span>{escape(sample.trouble)}</span>"
        )
        + "</li>"
        for sample in reversed(made)
    )
    title = '<p class="title">Samples, one at each validation</p>'
    return f'<div class="sheet">{title}<ul class="samples">{rows}</ul></div>'


def lines(training: Training | None) -> str:
    """HTML: the last lines of the log."""
    if training is None or not training.lines:
        return ""
    text = escape("\n".join(list(training.lines)[-LAST:]))
    shown = "open" if training.state == "failed" else ""
    return f'<details class="log" {shown}><summary>Log</summary><pre>{text}</pre></details>'
