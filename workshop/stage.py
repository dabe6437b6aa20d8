"""The stage as a part of the page: looked at, or drawn on."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from workshop.page import asset


def words(value: str = "", **more) -> gr.HTML:
    """HTML in the page's own style; it takes no room while it is empty."""
    classes = ["words", *more.pop("elem_classes", "").split()]
    return gr.HTML(value, apply_default_css=False, elem_classes=classes, **more)


def viewer(**more) -> gr.HTML:
    """A stage whose value is what `documents.shown` gives; a part of that changes what is open."""
    return gr.HTML(
        value=None,
        html_template=asset("stage.html"),
        js_on_load="workshop.makeViewer(element, props, watch)",
        apply_default_css=False,
        elem_classes="words",
        **more,
    )


def editor(functions: list[Callable], **more) -> gr.HTML:
    """A stage to draw on; functions: what it calls by name, each with one object."""
    return gr.HTML(
        value=None,
        html_template=asset("stage.html"),
        js_on_load="workshop.makeEditor(element, props, watch, server)",
        apply_default_css=False,
        elem_classes="words",
        server_functions=functions,
        **more,
    )
