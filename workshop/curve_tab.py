from typing import NamedTuple
import gradio as gr
class Tab(NamedTuple):
    voices: list
def build(shop, tabs, converting):
    with gr.Tab("Curve", id="curve"):
        gr.HTML("soon")
    return Tab([])
