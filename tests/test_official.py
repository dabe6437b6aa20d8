"""Finding and fetching official files, against a server on this computer that serves synthetic ones."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest
from official_server import BODY, assert_one_sentence, register
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from checkpoints import official
from common import files
from common.cli import UserError

pytest_plugins = ("official_server",)


def test_registry_is_the_six_published_files():
    assert {name: (entry.url, entry.sha256_prefix) for name, entry in official.FILES.items()} == {
        "hubert-soft": (
            "https://github.com/bshall/hubert/releases/download/v0.2/hubert-soft-35d9f29f.pt",
            "35d9f29f",
        ),
        "hubert-discrete": (
            "https://github.com/bshall/hubert/releases/download/v0.2/hubert-discrete-96b248c5.pt",
            "96b248c5",
        ),
        "kmeans100": (
            "https://github.com/bshall/hubert/releases/download/v0.2/kmeans100-50f36a95.pt",
            "50f36a95",
        ),
        "hifigan-hubert-soft": (
            "https://github.com/bshall/hifigan/releases/download/v0.1/hifigan-hubert-soft-65f03469.pt",
            "65f03469",
        ),
        "hifigan": (
            "https://github.com/bshall/hifigan/releases/download/v0.1/hifigan-67926ec6.pt",
            "67926ec6",
        ),
        "acoustic-hubert-soft": (
            "https://github.com/bshall/acoustic-model/releases/download/v0.1/hubert-soft-0321fd7e.pt",
            "0321fd7e",
        ),
    }
    assert len({entry.file for entry in official.FILES.values()}) == 6


def test_download_then_no_network(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    found = official.find("synthetic", out=out)
    assert found == cache / file and found.read_bytes() == BODY
    assert sorted(p.name for p in cache.iterdir()) == [file, f"{file}.sha256"]
    assert len(server.requests) == 1
    assert official.find("synthetic", out=out) == found
    assert len(server.requests) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_download_is_readable_by_whom_the_umask_allows(server, place, monkeypatch):
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    mask = os.umask(0o022)
    try:
        assert official.find("synthetic", out=place[1]).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(mask)


def test_what_breaks_off_is_tried_again(server, place, monkeypatch):
    file = register(monkeypatch)
    server.files[f"/{file}"], server.cut, server.drops = BODY, len(BODY) // 2, official.ATTEMPTS - 1
    assert official.find("synthetic", out=place[1]).read_bytes() == BODY
    assert len(server.requests) == official.ATTEMPTS
    assert sorted(p.name for p in place[0].iterdir()) == [file, f"{file}.sha256"]


def test_broken_off_for_good(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"], server.cut, server.drops = BODY, 1000, 99
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=out)
    assert_one_sentence(error, file, server.url + file, out / "official" / file)
    assert list(cache.iterdir()) == []
    assert len(server.requests) == official.ATTEMPTS
    server.drops = 0
    assert official.find("synthetic", out=out).read_bytes() == BODY


def test_wrong_hash(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch, digest="00000000")
    server.files[f"/{file}"] = BODY
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=out)
    assert_one_sentence(error, file, server.url + file, out / "official" / file, "expected 00000000")
    assert hashlib.sha256(BODY).hexdigest()[:8] in str(error.value)
    assert list(cache.iterdir()) == []


def test_not_found_on_server(server, place, monkeypatch):
    file = register(monkeypatch)
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=place[1])
    assert_one_sentence(error, file, server.url + file, "404", place[1] / "official" / file)
    assert len(server.requests) == 1 and list(place[0].iterdir()) == []


def test_offline(place, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HUBERT_PITDYN_MIRROR", f"http://127.0.0.1:{port}")
    file = register(monkeypatch)
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=place[1])
    assert_one_sentence(error, file, f"http://127.0.0.1:{port}/{file}", place[1] / "official" / file)
    assert list(place[0].iterdir()) == []


def test_silent_server_times_out(place, monkeypatch):
    file = register(monkeypatch)
    monkeypatch.setattr(official, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HUBERT_PITDYN_MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        start = time.monotonic()
        with pytest.raises(UserError) as error:
            official.find("synthetic", out=place[1])
        assert time.monotonic() - start < 5
    assert_one_sentence(error, file, "timed out")


def test_unusable_cache_folder(server, place, monkeypatch, tmp_path):
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HUBERT_PITDYN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=place[1])
    assert_one_sentence(error, file, tmp_path / "file" / "cache")


def test_order_of_places(place, monkeypatch, tmp_path):
    cache, out = place
    file = register(monkeypatch)
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    for folder in (hub, cache, out, out / "official"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(BODY)
        assert official.find("synthetic", out=out) == folder / file
    given = tmp_path / "私の.pt"
    given.write_bytes(b"x")
    assert official.find("synthetic", given, out=out) == given
    assert official.find("synthetic", hub, out=out) == hub / file


def test_explicit_path_missing_is_not_replaced_by_another(server, place, monkeypatch, tmp_path):
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    with pytest.raises(UserError) as error:
        official.find("synthetic", tmp_path / "no" / "such.pt", out=place[1])
    assert_one_sentence(error, tmp_path / "no" / "such.pt", file)
    assert server.requests == []


def test_without_download(server, place, monkeypatch):
    file = register(monkeypatch)
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=place[1], download=False)
    assert_one_sentence(error, file, server.url + file, place[1] / "official" / file)
    assert server.requests == [] and not place[0].exists()


def test_unknown_name():
    with pytest.raises(UserError, match="'hubert' is not an official file, expected one of hubert-soft"):
        official.find("hubert")


ONE_OF_TWO = """
import sys
from checkpoints import official
official.FILES["synthetic"] = official.OfficialFile("https://example.invalid/" + sys.argv[1])
print(official.find("synthetic", out=sys.argv[2]).stat().st_size)
"""


@pytest.mark.slow
def test_two_processes_at_once(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    command = [sys.executable, "-c", ONE_OF_TWO, file, str(out)]
    root = Path(official.__file__).parent.parent
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) for _ in range(2)]
    assert [int(process.communicate(timeout=60)[0]) for process in both] == [len(BODY)] * 2
    assert (
        sorted(p.name for p in cache.iterdir()) == [file, f"{file}.sha256"]
        and (cache / file).read_bytes() == BODY
    )


def test_import_is_light():
    """Scripts name official files in their help: neither torch nor a progress bar may be loaded for it."""
    command = (
        "import sys; from checkpoints import official; "
        "print([m for m in ('torch', 'tqdm', 'numpy') if m in sys.modules])"
    )
    root = Path(official.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_leftovers_of_killed_processes_go_but_not_running_ones(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    cache.mkdir()
    processes = (2**31 - 9, os.getpid())
    old, running = (cache / f".{files.HERE}-{process}-{'0' * 16}.part.pt" for process in processes)
    old.write_bytes(b"x")
    running.write_bytes(b"x")
    official.find("synthetic", out=out)
    assert {p.name for p in cache.iterdir()} == {file, f"{file}.sha256", running.name}


def test_existing_file_in_use_elsewhere_is_accepted(server, place, monkeypatch):
    """Windows refuses os.replace onto a file that another process has open."""
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY

    def refuse(part, final):
        final.write_bytes(part.read_bytes())
        raise PermissionError(13, "in use")

    monkeypatch.setattr(files.os, "replace", refuse)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    assert official.find("synthetic", out=out).read_bytes() == BODY
    assert sorted(p.name for p in cache.iterdir()) == [file, f"{file}.sha256"]


@pytest.mark.parametrize(
    ("platform", "env", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/hubert-pitdyn"),
        ("linux", {"HOME": "/h"}, "/h/.cache/hubert-pitdyn"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/hubert-pitdyn"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/hubert-pitdyn"),
        ("linux", {"HUBERT_PITDYN_CACHE": "/own", "XDG_CACHE_HOME": "/x"}, "/own"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="the paths above are POSIX ones")
def test_cache_folder_of_each_platform(monkeypatch, platform, env, expected):
    for key in ("HUBERT_PITDYN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(key, raising=False)
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    folders = {"linux": Unix, "darwin": MacOS, "win32": Windows}
    monkeypatch.setattr(platformdirs, "PlatformDirs", folders[platform])
    # Windows is asked through its own libraries, which are not here.
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda _: env["LOCALAPPDATA"])
    assert str(official.cache_dir()) == expected


def test_torch_hub_folder_is_torchs_own(monkeypatch, tmp_path):
    import torch

    for env in ({"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": str(tmp_path)}, {}):
        for key in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(key, raising=False)
        for key, value in env.items():
            monkeypatch.setenv(key, value)
        assert str(official.torch_hub_dir()) == os.path.join(torch.hub.get_dir(), "checkpoints")
