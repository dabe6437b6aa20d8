from typing import NamedTuple
import gradio as gr
class Tab(NamedTuple):
    voices: list
def build(shop):
    with gr.Tab("Batch", id="batch"):
        gr.HTML("soon")
    return Tab([])
