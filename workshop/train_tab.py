"""The tab *Train*: recordings checked, a voice made of them, heard at every validation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from checkpoints import places
from common.cli import UserError
from common.names import checked
from workshop import banks, run_view, runs
from workshop import controls as forms
from workshop.jobs import Progress
from workshop.samples import Samples
from workshop.shop import Shop
from workshop.stage import words

PLACE = "train"
TICK = 1.0  # seconds between two looks at a training
SENTENCE = Path("test/slt_clear.wav")
PRESET = Path("configs/wide.toml").as_posix()  # of a voice at 44.1 kHz, as the shipped vocoder is
ADVICE = """
<div class="sheet empty"><p>A bank of 12 to 15 minutes makes a voice, on one note or sung freely. Give it a
name, say where its recordings are, and <b>Check</b> them; <b>Train</b> then prepares them and refines a voice
that is there. Both together may take an hour on two processor cores, and can be stopped and resumed.</p>
<p>A voice belongs to a person: train one only with that person's permission, or where the terms of the bank
allow it.</p></div>"""


class Now:
    """The training of this page: one at a time, whichever browser tab began it."""

    def __init__(self) -> None:
        self.training: runs.Training | None = None
        self.samples: Samples | None = None
        self.drawn: dict[str, tuple] = {}  # by session: the samples that it shows

    def begin(self, shop: Shop, plan: runs.Plan, sentence: Path) -> None:
        if self.training and self.training.alive:
            raise UserError(
                f"{self.training.plan.name} is being trained; stop it first, or wait until it ends"
            )
        self.samples = Samples(shop.models, plan, sentence)
        self.training = runs.Training(plan, self.samples.ask)

    def has_news(self, session: str) -> bool:
        """Whether a session lacks samples: a player that plays is not drawn again."""
        drawn = id(self.samples), len(self.samples.made)
        before, self.drawn[session] = self.drawn.get(session), drawn
        return drawn != before

    def close(self) -> None:
        if self.training:
            self.training.close()


class Form(NamedTuple):
    """What is asked for."""

    name: gr.Textbox
    folder: gr.Textbox
    drop: gr.File
    base: gr.Dropdown
    preset: gr.Dropdown
    copies: gr.Slider
    steps: gr.Number
    sentence: gr.Audio


class View(NamedTuple):
    """What the handlers write to."""

    check: gr.Button
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    report: gr.HTML
    losses: gr.HTML
    heard: gr.HTML
    log: gr.HTML
    timer: gr.Timer


def build(shop: Shop, voices: list[tuple[gr.Dropdown, gr.HTML]]) -> None:
    """voices: dropdowns in which a new voice appears."""
    now = Now()
    shop.closing.append(now.close)
    with gr.Tab("Train", id="train"), gr.Row(elem_classes="columns"):
        with gr.Column(scale=4, min_width=320, elem_classes="side"):
            form = _form(shop)
            with gr.Row():
                check = gr.Button("Check", min_width=90, elem_id="train-check")
                start = gr.Button("Train", variant="primary", min_width=90, elem_id="train-start")
                stop = gr.Button(
                    "Stop", variant="stop", interactive=False, min_width=90, elem_id="train-stop"
                )
        with gr.Column(scale=7, min_width=320):
            status, report = words("", elem_id="train-status"), words(ADVICE, elem_id="train-report")
            losses, heard = words("", elem_id="train-losses"), words("", elem_id="train-samples")
            log = words("", elem_id="train-log")
            timer = gr.Timer(TICK, active=False)
    view = View(check, start, stop, status, report, losses, heard, log, timer)
    _connect(shop, now, form, view, [voice for voice, _ in voices] + [form.base])


def _form(shop: Shop) -> Form:
    name = gr.Textbox(label="Name of the new voice", placeholder="hana", elem_id="train-name")
    folder = gr.Textbox(
        label="Folder of recordings, or a bank's zip, on this machine",
        placeholder="path/to/hana",
        elem_id="train-folder",
    )
    drop = gr.File(label="or dropped here", file_count="multiple", height=160, elem_id="train-files")
    base = gr.Dropdown(shop.voice_names(), value=_base(shop), label="Begin from the voice")
    with gr.Accordion("More", open=False):
        preset = gr.Dropdown(
            presets(), value=PRESET, label="Preset", allow_custom_value=True, elem_id="train-preset"
        )
        copies = gr.Slider(
            0, 8, 6, step=1, label="Pitch-shifted copies of each recording", elem_id="train-copies"
        )
        steps = gr.Number(0, label="Steps (0: the preset's)", precision=0, minimum=0)
        spoken = str(SENTENCE) if SENTENCE.is_file() else None
        sentence = gr.Audio(spoken, label="Sentence of the samples", type="filepath")
    return Form(name, folder, drop, base, preset, copies, steps, sentence)


def _connect(shop: Shop, now: Now, form: Form, view: View, dropdowns: list[gr.Dropdown]) -> None:
    """dropdowns: of voices."""

    def checking(request: gr.Request, called, path, files) -> Iterator[dict]:
        yield from _check(shop, now, view, request.session_hash, (called, path, files))

    def starting(request: gr.Request, *asked) -> dict:
        try:
            now.begin(shop, planned(shop, *asked[:-1]), Path(asked[-1] or SENTENCE))
        except Exception as error:  # noqa: BLE001  said where it is seen
            return {view.status: forms.trouble(error)}
        return look(now, view, request.session_hash)

    def looking(request: gr.Request) -> dict:
        return look(now, view, request.session_hash)

    def stopping(request: gr.Request) -> None:
        if not shop.jobs.stop(request.session_hash, PLACE) and now.training:
            now.training.stop()

    def refreshed(*chosen):
        names = shop.voice_names()
        return [gr.Dropdown(choices=names, value=one if one in names else None) for one in chosen]

    quiet = {"show_progress": "hidden"}
    view.check.click(checking, [form.name, form.folder, form.drop], list(view), **quiet)
    view.start.click(starting, list(form), list(view), **quiet)
    view.stop.click(stopping, None, None, queue=False)
    view.timer.tick(looking, None, list(view), **quiet)
    view.heard.change(refreshed, dropdowns, dropdowns, **quiet)
    gr.on(triggers=None, fn=looking, inputs=None, outputs=list(view), **quiet)  # a page that is opened again


def _check(shop: Shop, now: Now, view: View, session: str, asked: tuple) -> Iterator[dict]:
    """The report on the recordings. asked: name, path and dropped files of the form."""
    called, path, files = asked

    def work(job):
        name = checked((called or "").strip(), "name")
        return banks.check(banks.unpacked(name, banks.recordings(name, path, files)), job)

    yield {view.check: gr.Button(interactive=False), view.stop: gr.Button(interactive=True)}
    for one in shop.watched(session, PLACE, work):
        if isinstance(one, Progress):
            yield {view.status: forms.bar(one)}
            continue
        yield {
            view.status: one.message,
            view.check: gr.Button(interactive=True),
            view.stop: gr.Button(interactive=bool(now.training and now.training.alive)),
            **({view.report: banks.table(one.result)} if one.result else {}),
        }


def look(now: Now, view: View, session: str) -> dict:
    """What the page shows of the training, if there is one."""
    training = now.training
    if training is None:
        return {view.timer: gr.Timer(active=False)}
    return {
        view.status: run_view.status(training),
        view.losses: run_view.picture(training.log),
        view.heard: run_view.samples(now.samples.made) if now.has_news(session) else gr.skip(),
        view.log: run_view.lines(training),
        view.start: gr.Button(interactive=not training.alive),
        view.stop: gr.Button(interactive=training.alive),
        view.timer: gr.Timer(active=training.alive or len(now.samples.made) < len(training.log.valid)),
    }


def presets() -> list[str]:
    return [path.as_posix() for path in sorted(Path("configs").glob("*.toml"))]


def _base(shop: Shop) -> str | None:
    """kathleen where it is there: it was trained from nothing, the others from it."""
    names = shop.voice_names()
    return "kathleen" if "kathleen" in names else next(iter(names), None)


def planned(
    shop: Shop, called: str, path: str, files, base: str, config: str, copies: float, steps: float | None
) -> runs.Plan:
    """The plan of the form. Raises UserError where something of it is missing or wrong."""
    name = checked((called or "").strip(), "name")
    voice = shop.models.voice(base or "")
    if voice is None:
        raise UserError("no voice to begin from; choose one")
    wavs = None
    if not places.newest(Path("out") / name / "acoustic"):
        wavs = banks.recordings(name, path, files)
    count = None if not steps else int(steps)
    return runs.Plan(name, wavs, voice.name, voice.dataset, Path(config), int(copies), count)
