"""The official Soft-VC weights: which files there are, where they are looked for, and how they are fetched.

Environment: HUBERT_PITDYN_CACHE sets the cache folder; HUBERT_PITDYN_MIRROR (`http://host/folder/`) replaces
everything before the file name in the addresses.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from common.cli import UserError
from common.files import atomic_path, remove_leftovers

APP = "hubert-pitdyn"
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 3  # of a transfer that breaks off


@dataclass(frozen=True)
class OfficialFile:
    """One file of a release; its name ends in the first eight hex digits of its SHA-256 (torch.hub's way)."""

    url: str

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[1]

    @property
    def sha256_prefix(self) -> str:
        return self.file.rsplit(".", 1)[0].rsplit("-", 1)[1]

    def address(self) -> str:
        """Where it is fetched from: the release, or the mirror if one is set."""
        mirror = os.environ.get("HUBERT_PITDYN_MIRROR")
        return f"{mirror.rstrip('/')}/{self.file}" if mirror else self.url


_RELEASES = "https://github.com/bshall/{}/releases/download/{}"

# Two different files are called hubert-soft-*.pt, so the names here are not cut from the file names.
FILES: dict[str, OfficialFile] = {
    name: OfficialFile(f"{_RELEASES.format(*release)}/{file}")
    for name, release, file in (
        ("hubert-soft", ("hubert", "v0.2"), "hubert-soft-35d9f29f.pt"),
        ("hubert-discrete", ("hubert", "v0.2"), "hubert-discrete-96b248c5.pt"),
        ("kmeans100", ("hubert", "v0.2"), "kmeans100-50f36a95.pt"),
        ("hifigan-hubert-soft", ("hifigan", "v0.1"), "hifigan-hubert-soft-65f03469.pt"),
        ("hifigan", ("hifigan", "v0.1"), "hifigan-67926ec6.pt"),
        ("acoustic-hubert-soft", ("acoustic-model", "v0.1"), "hubert-soft-0321fd7e.pt"),
    )
}


def find(name: str, path: Path | str | None = None, out: Path | str = "out", download: bool = True) -> Path:
    """Path of an official file, fetched if need be.

    name: a key of FILES. Looked for in this order: `path` (the file, or a folder that holds it),
    `<out>/official/<file>`, `<out>/<file>`, the cache folder, torch.hub's folder (read only: programs that
    load Soft-VC through torch.hub leave the same files there), and last a download into the cache.

    A file is hashed once, on arrival: only a complete and checked file ever gets its final name in the
    cache, so a start costs no second pass over hundreds of megabytes. Files in the other folders were put
    there by the user or by torch.hub; the loaders reject a damaged or foreign one when they open it.
    Raises UserError when `path` is given and missing, or when the file is nowhere and cannot be fetched.
    """
    if name not in FILES:
        raise UserError(f"{name!r} is not an official file, expected one of {', '.join(FILES)}")
    entry = FILES[name]
    if path is not None:
        return _given(Path(path), entry)
    for folder in (Path(out) / "official", Path(out), cache_dir(), torch_hub_dir()):
        if (folder / entry.file).is_file():
            return folder / entry.file
    wanted = Path(out) / "official" / entry.file
    if not download:
        raise UserError(
            f"{entry.file} is not on this computer: download it from {entry.address()} and put it at {wanted}"
        )
    return _download(entry, wanted)


def cache_dir() -> Path:
    """The folder for downloads: HUBERT_PITDYN_CACHE, or the platform's cache folder. May not exist yet."""
    if own := os.environ.get("HUBERT_PITDYN_CACHE"):
        return Path(own).expanduser()
    return platformdirs.user_cache_path(APP, appauthor=False, opinion=False)


def torch_hub_dir() -> Path:
    """torch.hub's checkpoints folder by torch's own rules (TORCH_HOME, XDG_CACHE_HOME), without torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"


def _given(path: Path, entry: OfficialFile) -> Path:
    found = path / entry.file if path.is_dir() else path
    if not found.is_file():
        raise UserError(f"{found} does not exist, expected {entry.file} (from {entry.address()}) there")
    return found


def _download(entry: OfficialFile, wanted: Path) -> Path:
    """Fetch into the cache, where the file appears when its hash has been checked.

    Two processes that start at once both succeed: the later one replaces a file with the same bytes.
    """
    folder, url = cache_dir(), entry.address()
    final = folder / entry.file
    by_hand = f"download it by hand and put it at {wanted}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        print(f"downloading {url} to {folder}", file=sys.stderr)
        with atomic_path(final) as part:
            _fetch(url, part, entry.sha256_prefix)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Windows refuses to replace a file that another process is reading: it arrived there first.
        if isinstance(error, PermissionError) and final.is_file():
            return final
        # A URLError wraps the reason; an HTTPError is one too, and says more (the status) itself.
        reason = error if hasattr(error, "code") else getattr(error, "reason", error)
        raise UserError(
            f"{entry.file} is not on this computer and fetching it from {url} to {folder} failed "
            f"({reason}); {by_hand}"
        ) from error
    except RuntimeError as error:  # torch.hub's, for another hash than the name tells
        found = str(error).rpartition('got "')[2].partition('"')[0]
        raise UserError(
            f"{entry.file} from {url} is damaged or another file (SHA-256 begins {found[:8]}, expected "
            f"{entry.sha256_prefix}); {by_hand}"
        ) from error
    return final


def _fetch(url: str, part: Path, sha256_prefix: str) -> None:
    """Download to `part` and check the hash; what breaks off is tried again, ATTEMPTS times in all.

    A file that was cut short is known by its hash alone, so a wrong one is tried again too.
    """
    from torch.hub import download_url_to_file  # noqa: PLC0415  the help of a script must not wait for torch

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _socket_timeout(TIMEOUT):
                return download_url_to_file(url, str(part), sha256_prefix, progress=sys.stderr.isatty())
        except (ConnectionError, http.client.HTTPException, RuntimeError):
            if attempt == ATTEMPTS:
                raise
    return None


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """torch.hub has no timeout of its own, and a silent server would be waited for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
