"""The tab *Batch*: a folder, a table of notes, a zip."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from workshop import batch, convert_tab
from workshop import controls as forms
from workshop.batch import Row
from workshop.documents import FORMATS
from workshop.jobs import Progress
from workshop.shop import Shop
from workshop.stage import words

PLACE = "batch"
NOTHING = '<div class="sheet empty">Nothing is converted yet. Give a folder, or drop recordings.</div>'


class Tab(NamedTuple):
    voices: list[tuple[gr.Dropdown, gr.HTML]]


class Parts(NamedTuple):
    """What the handler writes to."""

    status: gr.HTML
    rows: gr.HTML
    start: gr.Button
    stop: gr.Button
    save: gr.DownloadButton


def build(shop: Shop) -> Tab:
    with gr.Tab("Batch", id="batch"), gr.Row(elem_classes="columns"):
        with gr.Column(scale=4, min_width=320, elem_classes="side"):
            folder = gr.Textbox(
                label="Folder on this machine", placeholder="path/to/recordings", elem_id="batch-folder"
            )
            drop = gr.File(
                label="or files, or a folder, dropped here",
                file_count="directory",
                height=160,
                elem_id="batch-files",
            )
            voice, about = convert_tab.voice_choice(shop)
            options = convert_tab.pitch_options(PLACE)
            gain = gr.Slider(-24, 24, 0, step=0.5, label="Louder, dB")
            kind = gr.Dropdown(list(FORMATS), value="wav", label="Format")
            with gr.Row():
                start = gr.Button("Convert all", variant="primary", elem_id="batch-start")
                stop = gr.Button(
                    "Stop", variant="stop", interactive=False, min_width=90, elem_id="batch-stop"
                )
        with gr.Column(scale=7, min_width=320):
            status, rows = words(NOTHING, elem_id="batch-status"), words("", elem_id="batch-rows")
            save = gr.DownloadButton("Save the zip", interactive=False, elem_id="batch-save")
    parts, numbers = Parts(status, rows, start, stop, save), itertools.count(1)

    def converting(request: gr.Request, path, files, name, form, louder, *given) -> Iterator[dict]:
        out = shop.work / f"batch-{next(numbers)}" / "conversions"
        try:
            plan = batch.planned(path or files or [], name, out, form)
        except Exception as error:  # noqa: BLE001  said where it is seen
            yield {status: forms.trouble(error, *(files or [])), rows: ""}
            return
        yield from convert_all(
            shop, request.session_hash, plan, out, name, forms.controls(*given, dyn_gain=louder), parts
        )

    def stopping(request: gr.Request) -> None:
        shop.jobs.stop(request.session_hash, PLACE)

    start.click(converting, [folder, drop, voice, kind, gain, *options], list(parts), show_progress="hidden")
    stop.click(stopping, None, None, queue=False)
    options[1].change(lambda on: gr.Slider(step=12 if on else 0.5), options[1], options[0])
    return Tab([(voice, about)])


def convert_all(
    shop: Shop, session: str, plan: list[Row], out: Path, voice: str, options: dict, parts: Parts
) -> Iterator[dict]:
    """The rows as they become done, and at the end the zip."""
    yield {parts.save: gr.DownloadButton(value=None, interactive=False)}

    def work(job):
        batch.run(shop.models, plan, voice, options, job)

    for now in shop.watched(session, PLACE, work):
        working = isinstance(now, Progress)
        made = None if working else batch.zipped(plan, out, out.parent / f"{voice.replace('/', '-')}.zip")
        yield {
            parts.status: forms.bar(now) if working else forms.done(batch.summary(plan)) + now.message,
            parts.rows: batch.table(plan),
            parts.start: gr.Button(interactive=not working),
            parts.stop: gr.Button(interactive=working),
            parts.save: gr.DownloadButton(value=str(made) if made else None, interactive=bool(made)),
        }
