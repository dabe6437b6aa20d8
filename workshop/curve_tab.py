"""The tab *Curve*: what will be sung, drawn over the spectrogram of its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from workshop import controls as forms
from workshop import convert_tab
from workshop.documents import shown
from workshop.drawing import Drawing
from workshop.jobs import Progress
from workshop.shop import Shop
from workshop.stage import editor, words

PLACE = "curve"
KEYS = """
<details class="keys"><summary>Keys, once the picture is focused</summary><dl>
<dt>1 2 3 4</dt><dd>drag, draw, erase, select</dd>
<dt>← →</dt><dd>one frame; with Shift they select; Page Up and Down ten, Home and End to the ends</dd>
<dt>↑ ↓</dt><dd>10 cents; with Shift a semitone: of the selection, or of the note at the cursor</dd>
<dt>[ ]</dt><dd>1 dB softer, louder</dd><dt>Delete</dt><dd>unvoiced</dd>
<dt>M N V R</dt><dd>smooth, snap to notes, vibrato, restore: the selection, or all</dd>
<dt>Ctrl+Z Ctrl+Y</dt><dd>undo, redo</dd><dt>Ctrl+A Esc</dt><dd>select all, nothing</dd>
<dt>Space A B</dt><dd>play and pause, source, conversion</dd><dt>Enter</dt><dd>synthesise</dd>
<dt>+ −</dt><dd>zoom (Ctrl and the wheel, too; Shift and the wheel moves along)</dd></dl></details>"""


class Tab(NamedTuple):
    voices: list[tuple[gr.Dropdown, gr.HTML]]


class Parts(NamedTuple):
    """What the handlers write to."""

    status: gr.HTML
    stage: gr.HTML
    stop: gr.Button
    opener: gr.Accordion
    tabs: gr.Tabs


def build(shop: Shop, tabs: gr.Tabs, converting: convert_tab.Tab) -> Tab:
    with gr.Tab("Curve", id="curve"):
        with gr.Accordion("Recording and voice", open=True) as opener, gr.Row():
            recording = gr.Audio(label="Recording", type="filepath", elem_id="curve-recording")
            with gr.Column(min_width=260):
                voice, about = convert_tab.voice_choice(shop)
                auto = gr.Dropdown(forms.pitch_choices(), value=forms.OFF, label="Move the melody")
                stop = gr.Button("Stop", variant="stop", interactive=False)
        status = words("", elem_id="curve-status")
        stage = editor(Drawing(shop.desk).functions(), elem_id="curve-stage")
        words(KEYS)
    parts = Parts(status, stage, stop, opener, tabs)

    def opening(request: gr.Request, path, name, way) -> Iterator[dict]:
        if not path or not name:
            yield {status: ""}
            return
        yield from open_recording(shop, request.session_hash, path, name, way, parts)

    def stopping(request: gr.Request) -> None:
        shop.jobs.stop(request.session_hash, PLACE)

    for event in (recording.change, voice.change, auto.change):
        event(opening, [recording, voice, auto], list(parts), show_progress="hidden")
    stop.click(stopping, None, None, queue=False)
    converting.edit.click(
        lambda number: take(shop, number, parts), converting.document, list(parts), show_progress="hidden"
    )
    return Tab([(voice, about)])


def open_recording(shop: Shop, session: str, path: str, voice: str, way: str, parts: Parts) -> Iterator[dict]:
    """Analyse it and open it in the editor. way: of `auto_pitch`."""

    def work(job):
        return shop.desk.open(Path(path), voice, forms.controls(auto_pitch=way), job)

    for now in shop.watched(session, PLACE, work):
        if isinstance(now, Progress):
            yield {parts.status: forms.bar(now), parts.stop: gr.Button(interactive=True)}
            continue
        shut = {parts.stop: gr.Button(interactive=False)}
        if not now.result:
            yield {parts.status: now.message, **shut}
        elif now.result.converter.labels is None:  # there is no melody to draw
            yield {parts.status: forms.live_line(now.result), **shut}
        else:
            yield {parts.status: "", parts.stage: shown(shop.desk, now.result), **shut}


def take(shop: Shop, number: int | None, parts: Parts) -> dict:
    """What is open in *Convert*, with its controls."""
    try:
        document = shop.desk.copy(number)
    except Exception as error:  # noqa: BLE001  said where it is seen
        return {parts.status: forms.trouble(error)}
    return {
        parts.status: "",
        parts.stage: shown(shop.desk, document),
        parts.tabs: gr.Tabs(selected="curve"),
        parts.opener: gr.Accordion(open=False),
    }
