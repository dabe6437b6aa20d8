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


def build(shop: Shop, tabs: gr.Tabs, converting: convert_tab.Tab) -> Tab:
    with gr.Tab("Curve", id="curve"):
        with gr.Accordion("Recording and voice", open=True) as opener, gr.Row():
            recording = gr.Audio(
                label="Recording",
                sources=["upload", "microphone"],
                type="filepath",
                elem_id="curve-recording",
            )
            with gr.Column(min_width=260):
                voice, about = convert_tab.voice_choice(shop)
                auto = gr.Dropdown(forms.pitch_choices(), value=forms.OFF, label="Move the melody")
        status = words("", elem_id="curve-status")
        stage = editor(Drawing(shop.desk).functions(), elem_id="curve-stage")
        words(KEYS)

    def opening(request: gr.Request, path, name, way) -> Iterator[dict]:
        if not path or not name:
            yield {status: ""}
            return

        def work(job):
            return shop.desk.open(Path(path), name, forms.controls(auto_pitch=way), job)

        for now in shop.watched(request.session_hash, PLACE, work):
            yield {status: forms.bar(now)} if isinstance(now, Progress) else opened(now)

    def opened(now) -> dict:
        if not now.result:
            return {status: now.message}
        if now.result.converter.labels is None:
            return {status: forms.live_line(now.result)}
        return {status: "", stage: shown(shop.desk, now.result)}

    def taking(number) -> dict:
        """What is open in *Convert*, with its controls."""
        try:
            document = shop.desk.copy(number)
        except Exception as error:  # noqa: BLE001  said where it is seen
            return {status: forms.trouble(error)}
        return {
            status: "",
            stage: shown(shop.desk, document),
            tabs: gr.Tabs(selected="curve"),
            opener: gr.Accordion(open=False),
        }

    for event in (recording.change, voice.change, auto.change):
        event(opening, [recording, voice, auto], [status, stage], show_progress="hidden")
    converting.edit.click(taking, converting.document, [status, stage, tabs, opener], show_progress="hidden")
    return Tab([(voice, about)])
