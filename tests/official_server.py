"""A server on this computer that serves synthetic official files, an empty cache, and their assertions."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from checkpoints import official

BODY = bytes(range(256)) * 12000  # 3 MB: several chunks


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> body); `cut` bytes of a body are sent before the line drops, `drops` times."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.cut, self.drops = {}, [], None, 0
        self.elsewhere = {}  # path -> address that it is redirected to

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        if target := server.elsewhere.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            return self.end_headers()
        body = server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        end = len(body)
        if server.drops > 0:
            server.drops -= 1
            end = min(end, server.cut)
        self.wfile.write(body[:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache with a non-ASCII name, an empty out folder and torch.hub folder; returns (cache, out)."""
    cache = tmp_path / "キャッシュ é"
    monkeypatch.setenv("HUBERT_PITDYN_CACHE", str(cache))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HUBERT_PITDYN_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("HUBERT_PITDYN_ALLOW_HTTP", "1")
    monkeypatch.delenv("HUBERT_PITDYN_SHA256", raising=False)
    return cache, tmp_path / "out"


@pytest.fixture
def server(place, monkeypatch):
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HUBERT_PITDYN_MIRROR", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def register(monkeypatch, name="synthetic", digest=None):
    digest = digest or hashlib.sha256(BODY).hexdigest()[:8]
    entry = official.OfficialFile(f"https://example.invalid/v1/{name}-{digest}.pt")
    monkeypatch.setitem(official.FILES, name, entry)
    return entry.file


def assert_one_sentence(error, *parts):
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text
