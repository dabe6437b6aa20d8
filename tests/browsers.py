"""Headless Chromium for tests, driven by node and playwright-core, where this machine has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent / "browser"
INSTALL = "needs Chromium, node, playwright-core: apt install chromium npm; npm install -g playwright-core"
NODE = shutil.which("node")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
# Where npm puts a package for everybody: beside node's folder, /usr/local for Debian's npm, Windows.
MODULES = [
    *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep))),
    Path(NODE or "/usr/bin/node").parents[1] / "lib" / "node_modules",
    Path("/usr/local/lib/node_modules"),
    Path(os.environ.get("APPDATA", "")) / "npm" / "node_modules",
]
MODULES = [place for place in MODULES if (place / "playwright-core").is_dir()]
THERE = bool(NODE and BROWSER and MODULES)
DESKTOP, PHONE = ("desktop light", "desktop dark"), ("phone light", "phone dark")
ALL = (*DESKTOP, *PHONE)


def drive(script: str, *arguments: object) -> dict:
    """What a script of tests/browser saw, which it prints as JSON."""
    command = [NODE, str(FOLDER / script), BROWSER, *map(str, arguments)]
    environment = {**os.environ, "NODE_PATH": os.pathsep.join(map(str, MODULES))}
    ran = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=600)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
