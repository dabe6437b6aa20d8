"""The tab *Convert*: one recording, one voice, what the controls do to its melody, and the conversion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr

import audio
from workshop import controls as forms
from workshop.documents import FORMATS, saved_as, shown, url, volumes
from workshop.jobs import Progress
from workshop.shop import Shop
from workshop.stage import viewer, words

PLACE = "convert"


class Tab(NamedTuple):
    """Parts that other tabs use. voices: dropdowns of voices, with what shows the voice chosen."""

    voices: list[tuple[gr.Dropdown, gr.HTML]]
    document: gr.State
    edit: gr.Button


def build(shop: Shop) -> Tab:
    with gr.Tab("Convert", id="convert"):
        document, result = gr.State(None), gr.State(None)
        with gr.Row(elem_classes="columns"):
            with gr.Column(scale=4, min_width=320, elem_classes="side"):
                recording = gr.Audio(
                    label="Recording", sources=["upload", "microphone"], type="filepath", elem_id="recording"
                )
                voice, about = voice_choice(shop)
                options = pitch_options(PLACE) + more_options()
                with gr.Row():
                    convert = gr.Button("Convert", variant="primary", elem_id="convert-button")
                    stop = gr.Button(
                        "Stop", variant="stop", interactive=False, min_width=90, elem_id="stop-button"
                    )
            with gr.Column(scale=7, min_width=320):
                status = words("", elem_id="convert-status")
                stage = viewer(elem_id="convert-stage")
                live = words("", elem_id="live")
                with gr.Row(elem_classes="save"):
                    kind = gr.Dropdown(list(FORMATS), value="wav", label="Save as", min_width=110, scale=0)
                    save = gr.DownloadButton("Save the conversion", interactive=False, elem_id="save")
                    edit = gr.Button("Draw its melody …", interactive=False, elem_id="edit-button")
    parts = Parts(document, result, status, stage, live, convert, stop, save, edit)
    _connect(shop, recording, voice, kind, options, parts)
    return Tab([(voice, about)], document, edit)


def _connect(
    shop: Shop, recording: gr.Audio, voice: gr.Dropdown, kind: gr.Dropdown, options: list, parts: Parts
) -> None:
    def opening(request: gr.Request, path, name, *given) -> Iterator[dict]:
        if not path or not name:
            nothing = {parts.document: None, parts.result: None, parts.status: "", parts.live: ""}
            yield {**nothing, parts.save: locked(gr.DownloadButton), parts.edit: locked(gr.Button)}
            return
        yield from open_recording(shop, request.session_hash, path, name, given, parts)

    def changing(number, made, *given) -> dict:
        return {parts.live: ""} if number is None else change(shop, number, made, given, parts)

    def converting(request: gr.Request, number, wanted, *given) -> Iterator[dict]:
        yield from convert_recording(shop, request.session_hash, number, wanted, given, parts)

    def stopping(request: gr.Request) -> None:
        shop.jobs.stop(request.session_hash, PLACE)

    outputs, quiet = list(parts), {"show_progress": "hidden"}
    for event in (recording.change, voice.change):
        event(opening, [recording, voice, *options], outputs, **quiet)
    for option in options:
        given = [parts.document, parts.result, *options]
        option.change(changing, given, outputs, trigger_mode="always_last", **quiet)
    options[1].change(lambda on: gr.Slider(step=12 if on else 0.5), options[1], options[0])
    parts.convert.click(converting, [parts.document, kind, *options], outputs, **quiet)
    parts.stop.click(stopping, None, None, queue=False)
    kind.change(lambda made, to: again(shop, made, to), [parts.result, kind], parts.save)


class Parts(NamedTuple):
    """What the handlers write to."""

    document: gr.State
    result: gr.State
    status: gr.HTML
    stage: gr.HTML
    live: gr.HTML
    convert: gr.Button
    stop: gr.Button
    save: gr.DownloadButton
    edit: gr.Button


def voice_choice(shop: Shop) -> tuple[gr.Dropdown, gr.HTML]:
    """A dropdown of voices and, below it, the range and the terms of the one chosen."""
    first = shop.first_voice()
    voice = gr.Dropdown(shop.voice_names(), value=first, label="Voice", filterable=False)
    about = words(forms.about_voice(shop.models.voice(first)) if first else "")
    voice.change(
        lambda name: forms.about_voice(shop.models.voice(name)), voice, about, show_progress="hidden"
    )
    return voice, about


def pitch_options(place: str) -> list:
    """transpose, octaves, auto_pitch and fold of `forms.controls`."""
    auto = gr.Radio(forms.pitch_choices(), value=forms.OFF, label="Move the melody", elem_classes="choices")
    with gr.Group():
        transpose = gr.Slider(
            -36, 36, 0, step=0.5, label="Transpose, semitones", elem_id=f"{place}-transpose"
        )
        octaves = gr.Checkbox(False, label="whole octaves (a song keeps its key)")
        fold = gr.Checkbox(False, label="fold into the voice's range by octaves")
    return [transpose, octaves, auto, fold]


def more_options() -> list:
    """pitch_scale, dyn_gain, dyn_scale, breath, pitch_from and dyn_from of `forms.controls`."""
    with gr.Accordion("Liveliness, loudness, breath, another melody", open=False):
        scale = gr.Slider(0, 3, 1, step=0.05, label="Melody, times (0 flat, 1 as the source)")
        gain = gr.Slider(-24, 24, 0, step=0.5, label="Louder, dB")
        dynamics = gr.Slider(0, 3, 1, step=0.05, label="Loud and soft, times")
        breath = gr.Slider(-12, 12, 0, step=0.5, label="Breath, dB")
        pitch_from = gr.Audio(label="Melody of another recording of the same words", type="filepath")
        dyn_from = gr.Audio(label="Loudness of another recording", type="filepath")
    return [scale, gain, dynamics, breath, pitch_from, dyn_from]


def locked(kind: type, on: bool = False, **more):
    return kind(interactive=on, **more)


def working(parts: Parts, progress: Progress) -> dict:
    return {
        parts.status: forms.bar(progress),
        parts.convert: locked(gr.Button),
        parts.stop: locked(gr.Button, True),
    }


def ended(parts: Parts, message: str) -> dict:
    return {
        parts.status: message,
        parts.convert: locked(gr.Button, True),
        parts.stop: locked(gr.Button),
    }


def open_recording(shop: Shop, session: str, path: str, voice: str, given, parts: Parts) -> Iterator[dict]:
    """Analyse it and draw it; nothing is converted yet."""

    def work(job):
        return shop.desk.open(Path(path), voice, forms.controls(*given), job)

    for now in shop.watched(session, PLACE, work):
        if isinstance(now, Progress):
            yield working(parts, now)
            continue
        if not now.result:
            yield {**ended(parts, now.message), parts.document: None, parts.live: ""}
            continue
        opened = now.result
        yield {
            **ended(parts, ""),
            parts.document: opened.number,
            parts.result: None,
            parts.stage: shown(shop.desk, opened),
            parts.live: forms.live_line(opened),
            parts.save: locked(gr.DownloadButton),
            parts.edit: locked(gr.Button, opened.converter.labels is not None),
        }


def change(shop: Shop, number: int, made: str | None, given, parts: Parts) -> dict:
    """The melody that the controls give, at once."""
    try:
        document = shop.desk.find(number)
        shop.desk.edit(document, forms.controls(*given))
    except Exception as error:  # noqa: BLE001  said where it is seen
        return {parts.status: forms.trouble(error)}
    return {
        parts.status: forms.done("Changed since the conversion: convert again to hear it") if made else "",
        parts.stage: {"number": number, "sung": sung(document)},
        parts.live: forms.live_line(document),
    }


def sung(document):
    from workshop.documents import plain  # noqa: PLC0415

    return plain(document.edited.curve) if document.edited.curve is not None else None


def convert_recording(
    shop: Shop, session: str, number: int | None, kind: str, given, parts: Parts
) -> Iterator[dict]:
    """The conversion, ready to be heard and saved."""
    if number is None:
        yield {parts.status: '<p class="trouble" role="alert">no recording is open; drop one first</p>'}
        return

    def work(job):
        document = shop.desk.find(number)
        shop.desk.edit(document, forms.controls(*given), job)
        path, notes = shop.desk.convert(document, job=job)
        return document, path, notes

    for now in shop.watched(session, PLACE, work):
        if isinstance(now, Progress):
            yield working(parts, now)
            continue
        if not now.result:
            yield ended(parts, now.message)
            continue
        document, path, notes = now.result
        made = audio.load(path)
        sounds = {"result": url(path)}
        yield {
            **ended(parts, forms.done(f"{document.path.name} as {document.voice}")),
            parts.result: str(path),
            parts.stage: {
                "number": number,
                "sung": sung(document),
                "sounds": sounds,
                "volumes": volumes(document, made),
                "chosen": "result",
            },
            parts.live: forms.live_line(document),
            parts.save: again(shop, str(path), kind),
        }


def again(shop: Shop, made: str | None, kind: str):
    """The button that saves a conversion, in a format."""
    if not made or not Path(made).is_file():  # many conversions ago
        return gr.DownloadButton(interactive=False)
    return gr.DownloadButton(value=str(saved_as(Path(made), kind, shop.work)), interactive=True)
