"""Voices of a hub: fetched from a server on this computer, all of one commit, or refused in a sentence."""

import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT
from test_bundle import packed

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FETCH = """
import sys
from pathlib import Path
from checkpoints import bundle, places
from common import cli

def main():
    path = places.voice_path(sys.argv[1], Path("out"))
    print(bundle.read(path).name, places.voice_name(sys.argv[1]))

sys.exit(cli.run(main))
"""


class Handler(BaseHTTPRequestHandler):
    """/<repo>/resolve/<revision>/<file> as the hub answers it."""

    def do_HEAD(self, send=False):
        self.server.requests.append(self.path)
        body = self.server.files.get(self.path.rpartition("/")[2]) if "/someone/hana/" in self.path else None
        self.send_response(200 if body is not None else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        if body is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
        self.send_header("Content-Length", str(self.server.claims or len(body or b"")))
        self.end_headers()
        if send and body is not None:
            self.wfile.write(body)

    def do_GET(self):
        self.do_HEAD(send=True)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(tmp_path):
    pytest.importorskip("huggingface_hub")
    import zipfile

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.claims = [], None
    with zipfile.ZipFile(packed(tmp_path / "hana.zip")) as archive:
        server.files = {name: archive.read(name) for name in archive.namelist()}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(hub, tmp_path, address, expect=0, **environment):
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}",
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "no_proxy": "127.0.0.1",
        **environment,
    }
    (tmp_path / "out").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", FETCH, address], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_a_voice_of_the_hub_is_fetched_once_and_of_one_commit(hub, tmp_path):
    done = fetch(hub, tmp_path, "someone/hana")
    assert done.stdout.split() == ["ハナ", "hana"]
    assert f"from the hub, commit {COMMIT[:12]}" in done.stderr
    fetched = {path for path in hub.requests if "/resolve/" in path}
    assert {path.rpartition("/")[2] for path in fetched} == {"config.json", "model.safetensors"}
    assert all(COMMIT in path for path in fetched if path.endswith("safetensors"))
    before = len(hub.requests)
    again = fetch(hub, tmp_path, "someone/hana@main", HF_HUB_OFFLINE="1")
    assert again.stdout.split() == ["ハナ", "hana"] and len(hub.requests) == before


def test_what_is_not_there_is_said_in_a_sentence(hub, tmp_path):
    done = fetch(hub, tmp_path, "someone/nobody", expect=2)
    assert done.stderr.count("\n") == 1 and "someone/nobody: no voice of this name in out/" in done.stderr


def test_a_file_that_no_voice_has_is_not_fetched(hub, tmp_path):
    hub.claims = 5 << 20
    done = fetch(hub, tmp_path, "someone/hana", expect=2)
    assert f"config.json has {5 << 20} bytes, which no voice has" in done.stderr


def test_without_the_hubs_package_it_is_named(tmp_path, monkeypatch):
    from checkpoints import places
    from common.cli import UserError

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match="someone/else: no voice.*pip install huggingface_hub"):
        places.voice_path("someone/else", tmp_path)


def test_a_voice_in_folders_of_its_own_is_not_looked_for_on_the_hub(tmp_path):
    from checkpoints import places

    model = tmp_path / "banks" / "hana" / "acoustic" / "model-best.pt"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")
    assert places.voice_path("banks/hana", tmp_path) == model
