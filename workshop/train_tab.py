from typing import NamedTuple
import gradio as gr
class Tab(NamedTuple):
    voices: list
def build(shop, voices):
    with gr.Tab("Train", id="train"):
        gr.HTML("soon")
    return None
