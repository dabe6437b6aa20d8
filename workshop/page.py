"""The page: its tabs, its look, and the server, which answers this machine alone."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from common.cli import DONE, UserError
from listening.page import asset as listening_asset

if TYPE_CHECKING:
    import gradio

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
FIRST_PORT, PORTS = 7860, 100
OLDEST, NEWEST = 6, 6  # major versions of gradio
SCRIPTS = ("player.js", "zoom.js", "stage.js", "viewer.js", "toolbar.js", "strokes.js", "editor.js")
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "DejaVu Sans Mono", "monospace"]
MOST_UPLOAD = "4gb"


COLOURS = {  # of gradio's theme, by those of the listening page, which are light or dark themselves
    "body_background_fill": "var(--paper)",
    "background_fill_primary": "var(--card)",
    "background_fill_secondary": "var(--paper)",
    "block_background_fill": "var(--card)",
    "block_border_color": "var(--line)",
    "block_label_background_fill": "var(--card)",
    "block_label_text_color": "var(--soft)",
    "block_title_text_color": "var(--ink)",
    "block_info_text_color": "var(--soft)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--accent)",
    "color_accent_soft": "var(--faint)",
    "input_background_fill": "var(--paper)",
    "input_border_color": "var(--line)",
    "input_placeholder_color": "var(--soft)",
    "checkbox_background_color": "var(--paper)",
    "checkbox_border_color": "var(--soft)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color_selected": "var(--accent)",
    "checkbox_label_background_fill": "var(--paper)",
    "checkbox_label_background_fill_selected": "var(--faint)",
    "checkbox_label_text_color": "var(--ink)",
    "button_primary_background_fill": "var(--ink)",
    "button_primary_background_fill_hover": "var(--accent)",
    "button_primary_border_color": "var(--ink)",
    "button_primary_text_color": "var(--paper)",
    "button_secondary_background_fill": "var(--card)",
    "button_secondary_background_fill_hover": "var(--faint)",
    "button_secondary_border_color": "var(--line)",
    "button_secondary_text_color": "var(--ink)",
    "button_cancel_background_fill": "var(--card)",
    "button_cancel_border_color": "var(--beyond)",
    "button_cancel_text_color": "var(--beyond)",
    "slider_color": "var(--accent)",
    "table_text_color": "var(--ink)",
    "table_border_color": "var(--line)",
    "table_even_background_fill": "var(--card)",
    "table_odd_background_fill": "var(--card)",
    "panel_background_fill": "var(--card)",
    "panel_border_color": "var(--line)",
    "error_text_color": "var(--beyond)",
}


def require_gradio() -> None:
    """UserError with the command that installs it, where gradio is missing or of another version."""
    command = "python -m pip install -r requirements-app.txt"
    try:
        version = metadata.version("gradio")
    except metadata.PackageNotFoundError as error:
        raise UserError(
            f"the package 'gradio' is missing in {sys.executable}, which app.py needs; install it: {command}"
        ) from error
    if not OLDEST <= int(version.split(".")[0]) <= NEWEST:
        raise UserError(f"gradio {version} is installed, app.py needs {OLDEST}; install it: {command}")


def serve(port: int | None, browser: bool, device: str | None) -> int:
    """Serve the page until Ctrl-C."""
    if not Path("out").is_dir():
        raise UserError(f"out: no such folder in {Path.cwd()}; run it in the project's folder")
    work = Path(tempfile.mkdtemp(prefix="workshop-"))
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    chosen = free_port(port)
    print("loading the workshop …", flush=True)
    page, close = build(work, device)
    page.launch(
        server_name=HOST,
        server_port=chosen,
        inbrowser=browser,
        prevent_thread_lock=True,
        quiet=True,
        **settings(work),
    )
    print(f"the workshop: http://{HOST}:{chosen}/ (Ctrl-C ends it)", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nending the workshop", flush=True)
    finally:
        close()
        page.close(verbose=False)
    return DONE


def free_port(asked: int | None) -> int:
    """The port asked for, or the first free one. Raises UserError where it is taken."""
    for port in [asked] if asked else range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as one:
            if os.name != "nt":  # a port left a moment ago is free; on Windows the option would share it
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HOST, port))
            except OSError:
                continue
            return port
    where = str(asked) if asked else f"{FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise UserError(f"port {where}: taken by another program; give another with --port")


def build(work: Path, device: str | None = None) -> tuple[gradio.Blocks, object]:
    """The page, not yet served, and what ends its work. work: a folder for uploads and results."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    os.environ["GRADIO_TEMP_DIR"] = str(work / "uploads")
    import gradio as gr  # noqa: PLC0415  an extra, and slow to load

    from workshop import batch_tab, convert_tab, curve_tab, train_tab  # noqa: PLC0415
    from workshop.shop import Shop  # noqa: PLC0415
    from workshop.stage import words  # noqa: PLC0415

    shop = Shop(work, device)
    with gr.Blocks(title="hubert-pitdyn: workshop", analytics_enabled=False) as page:
        words(
            "<h1>hubert-pitdyn</h1><p>Give a voice the words, the melody and the loudness of any speech or "
            "song. Conversions are synthetic speech: say so wherever you publish one.</p>",
            elem_classes="masthead",
        )
        with (
            gr.Tabs() as tabs
        ):  # which takes nothing but tabs: their names are told apart by their places in it
            converting = convert_tab.build(shop)
            drawing = curve_tab.build(shop, tabs, converting)
            batch = batch_tab.build(shop)
            train_tab.build(shop, [*converting.voices, *drawing.voices, *batch.voices])
    page.queue(default_concurrency_limit=4)
    return page, shop.close


def settings(work: Path) -> dict:
    """Of `launch`: nothing leaves this machine, and only `work` is served from the disk."""
    return {
        "share": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "footer_links": [],
        "allowed_paths": [str(work)],
        "max_file_size": MOST_UPLOAD,
        "theme": theme(),
        # Not as `css`, whose rules gradio puts below its own container: colours are the whole page's.
        "head": f"<style>{styles()}</style><script>{scripts()}</script>",
    }


def asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8").rstrip()


def styles() -> str:
    return "\n".join([listening_asset("colours.css"), asset("stage.css"), asset("workshop.css")])


def scripts() -> str:
    """All scripts of the page, which set `workshop`."""
    text = "\n".join([listening_asset("notes.js"), *map(asset, SCRIPTS)])
    return f"{text}\nwindow.workshop = {{ makeViewer, makeEditor }};"


def theme():
    """Gradio's plain theme in the colours of the listening page, with the system's own fonts."""
    import gradio as gr  # noqa: PLC0415

    dark = {f"{name}_dark": value for name, value in COLOURS.items()}
    base = gr.themes.Base(font=FONT, font_mono=MONO, radius_size="md", spacing_size="md", text_size="md")
    return base.set(
        **COLOURS,
        **dark,
        block_border_width="1px",
        button_border_width="1px",
        block_shadow="none",
        button_primary_shadow="none",
        button_secondary_shadow="none",
        block_label_border_width="0px",
        block_radius="0.9rem",
    )
