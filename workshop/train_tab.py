"""The tab *Train*: recordings checked, a voice made of them, heard at every validation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

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
        self.drawn: tuple | None = None

    def begin(self, shop: Shop, plan: runs.Plan, sentence: Path) -> None:
        if self.training and self.training.alive:
            raise UserError(
                f"{self.training.plan.name} is being trained; stop it first, or wait until it ends"
            )
        self.samples = Samples(shop.models, plan, sentence)
        self.training = runs.Training(plan, self.samples.ask)

    def close(self) -> None:
        if self.training:
            self.training.close()


def build(shop: Shop, voices: list[tuple[gr.Dropdown, gr.HTML]]) -> None:
    """voices: dropdowns in which a new voice appears."""
    now = Now()
    shop.closing.append(now.close)
    with gr.Tab("Train", id="train"), gr.Row(elem_classes="columns"):
        with gr.Column(scale=4, min_width=320, elem_classes="side"):
            name = gr.Textbox(label="Name of the new voice", placeholder="hana", elem_id="train-name")
            folder = gr.Textbox(
                label="Folder of recordings, or a bank's zip, on this machine",
                placeholder="path/to/hana",
                elem_id="train-folder",
            )
            drop = gr.File(label="or dropped here", file_count="multiple", height=120, elem_id="train-files")
            base = gr.Dropdown(shop.voice_names(), value=_base(shop), label="Begin from the voice")
            with gr.Accordion("More", open=False):
                preset = gr.Dropdown(
                    presets(),
                    value=presets()[-1],
                    label="Preset",
                    allow_custom_value=True,
                    elem_id="train-preset",
                )
                copies = gr.Slider(
                    0, 8, 6, step=1, label="Pitch-shifted copies of each recording", elem_id="train-copies"
                )
                steps = gr.Number(0, label="Steps (0: the preset's)", precision=0, minimum=0)
                sentence = gr.Audio(
                    str(SENTENCE) if SENTENCE.is_file() else None,
                    label="Sentence of the samples",
                    type="filepath",
                )
            with gr.Row():
                check = gr.Button("Check", min_width=90, elem_id="train-check")
                start = gr.Button("Train", variant="primary", min_width=90, elem_id="train-start")
                stop = gr.Button(
                    "Stop", variant="stop", interactive=False, min_width=90, elem_id="train-stop"
                )
        with gr.Column(scale=7, min_width=320):
            status = words("", elem_id="train-status")
            report = words(ADVICE, elem_id="train-report")
            losses = words("", elem_id="train-losses")
            heard = words("", elem_id="train-samples")
            log = words("", elem_id="train-log")
    timer = gr.Timer(TICK, active=False)
    live = [status, losses, heard, log, start, stop, timer]

    def checking(request: gr.Request, called, path, files) -> Iterator[dict]:
        def work(job):
            voice = checked((called or "").strip(), "name")
            return banks.check(banks.unpacked(voice, banks.recordings(voice, path, files)), job)

        yield {check: gr.Button(interactive=False), stop: gr.Button(interactive=True)}
        for one in shop.watched(request.session_hash, PLACE, work):
            if isinstance(one, Progress):
                yield {status: forms.bar(one)}
                continue
            yield {
                status: one.message,
                check: gr.Button(interactive=True),
                stop: gr.Button(interactive=bool(now.training and now.training.alive)),
                **({report: banks.table(one.result)} if one.result else {}),
            }

    def starting(called, path, files, from_voice, config, number, count, spoken) -> dict:
        try:
            plan = planned(shop, called, path, files, from_voice, config, number, count)
            now.begin(shop, plan, Path(spoken or SENTENCE))
        except Exception as error:  # noqa: BLE001  said where it is seen
            return {status: forms.trouble(error)}
        return look()

    def look() -> dict:
        training = now.training
        if training is None:
            return {timer: gr.Timer(active=False)}
        return {
            status: run_view.status(training),
            losses: run_view.picture(training.log),
            heard: gr.skip() if same() else run_view.samples(now.samples.made),
            log: run_view.lines(training),
            start: gr.Button(interactive=not training.alive),
            stop: gr.Button(interactive=training.alive),
            timer: gr.Timer(active=training.alive or len(now.samples.made) < len(training.log.valid)),
        }

    def same() -> bool:
        """Whether the samples are those that are there: a player that plays is not drawn again."""
        drawn, now.drawn = now.drawn, (id(now.samples), len(now.samples.made))
        return drawn == now.drawn

    def returning() -> dict:
        """A page that is opened, or opened again: a training may be at work."""
        now.drawn = None
        return look()

    def stopping(request: gr.Request) -> None:
        shop.jobs.stop(request.session_hash, PLACE)
        if now.training:
            now.training.stop()

    def refreshed(*chosen):
        names = shop.voice_names()
        return [gr.Dropdown(choices=names, value=one if one in names else None) for one in chosen]

    check.click(checking, [name, folder, drop], [status, report, check, stop], show_progress="hidden")
    start.click(
        starting, [name, folder, drop, base, preset, copies, steps, sentence], live, show_progress="hidden"
    )
    stop.click(stopping, None, None, queue=False)
    timer.tick(look, None, live, show_progress="hidden")
    dropdowns = [voice for voice, _ in voices] + [base]
    heard.change(refreshed, dropdowns, dropdowns, show_progress="hidden")
    gr.on(triggers=None, fn=returning, inputs=None, outputs=live, show_progress="hidden")


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
    if not runs.checkpoint(Path("out") / name / "acoustic"):
        wavs = banks.recordings(name, path, files)
    count = None if not steps else int(steps)
    return runs.Plan(name, wavs, voice.name, voice.dataset, Path(config), int(copies), count)
