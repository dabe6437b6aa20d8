"""The official Soft-VC weights: which files there are, where they are looked for, and how they are fetched.

Environment: HUBERT_PITDYN_CACHE sets the cache folder; HUBERT_PITDYN_MIRROR (`http://host/folder/`) replaces
everything before the file name in the addresses.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import time
import urllib.request
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.cli import UserError

APP = "hubert-pitdyn"
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 3  # each goes on where the one before broke off
CHUNK = 1 << 20  # bytes
STALE = 24 * 3600.0  # seconds after which a partial file can only belong to a killed process


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
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / APP
    if sys.platform == "darwin" and not os.environ.get("XDG_CACHE_HOME"):
        return Path.home() / "Library" / "Caches" / APP
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / APP


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
    """Fetch into the cache under a temporary name, check the hash, then rename.

    The temporary name is unique, so two processes that start at once both succeed; the later rename
    replaces a file with the same bytes.
    """
    folder, url = cache_dir(), entry.address()
    # Not tempfile: its files are readable by their owner only, and a cache may be shared.
    part = folder / f"{entry.file}.{uuid.uuid4().hex}.part"
    by_hand = f"download it by hand and put it at {wanted}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder, entry.file)
        print(f"downloading {url} to {folder}", file=sys.stderr)
        with part.open("x+b") as stream:
            _fetch(url, stream)
            found = _sha256(stream)
            os.fsync(stream.fileno())
        if not found.startswith(entry.sha256_prefix):
            raise UserError(
                f"{entry.file} from {url} is damaged or another file (SHA-256 begins {found[:8]}, expected "
                f"{entry.sha256_prefix}); {by_hand}"
            )
        _rename(part, folder / entry.file)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # A URLError wraps the reason; an HTTPError is one too, and says more (the status) itself.
        reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise UserError(
            f"{entry.file} is not on this computer and fetching it from {url} to {folder} failed "
            f"({reason}); {by_hand}"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return folder / entry.file


def _fetch(url: str, stream) -> None:
    """Write the body of `url` to `stream`; a transfer that breaks off is continued, ATTEMPTS times in all.

    Failing to connect and HTTP errors are final: only a transfer that had begun is worth another try.
    """
    from tqdm import tqdm

    # disable=None: no bar where stderr is a file, the line printed before says what goes on.
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar:
        for attempt in range(1, ATTEMPTS + 1):
            with _open(url, stream, bar) as response:
                try:
                    total = _receive(response, stream, bar)
                    break
                except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
                    if attempt == ATTEMPTS:
                        raise ConnectionError(f"broke off after {stream.tell()} bytes: {error}") from error
    if total is not None and stream.tell() != total:
        raise ConnectionError(f"got {stream.tell()} bytes, expected {total}")


def _open(url: str, stream, bar):
    """Ask for the rest of the file from stream's position on; a server that sends all of it restarts it."""
    start = stream.tell()
    headers = {"User-Agent": APP} | ({"Range": f"bytes={start}-"} if start else {})
    response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        stream.seek(0)
        stream.truncate()
        bar.reset()
    return response


def _receive(response, stream, bar) -> int | None:
    """Append the body to stream; returns the whole file's size where the server told it.

    Raises ConnectionError if the body is shorter than announced: http.client says so only for an unsized
    read.
    """
    length = response.headers.get("Content-Length")
    total = None if length is None else stream.tell() + int(length)
    bar.total = total
    while block := response.read(CHUNK):
        stream.write(block)
        bar.update(len(block))
    if total is not None and stream.tell() < total:
        raise ConnectionError(f"the server sent {stream.tell()} of {total} bytes")
    return total


def _sha256(stream) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while block := stream.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()


def _rename(part: Path, final: Path) -> None:
    try:
        os.replace(part, final)
    except PermissionError:
        # Windows refuses to replace a file that another process is reading: it arrived there first.
        if not final.is_file():
            raise


def _remove_stale(folder: Path, file: str) -> None:
    for part in folder.glob(f"{file}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
