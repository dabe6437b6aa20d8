"""The official Soft-VC weights: which files there are, where they are looked for, and how they are fetched.

Environment: HUBERT_PITDYN_CACHE sets the cache folder; HUBERT_PITDYN_MIRROR (`https://host/folder/`) replaces
what stands before the file name in the addresses; HUBERT_PITDYN_ALLOW_HTTP=1 allows a mirror or redirection
without TLS; HUBERT_PITDYN_SHA256 holds whole digests that files must have (comma-separated).

A release's name has the first eight hex digits of the file's SHA-256, which can be forged in minutes. So the
whole digest of a file is kept in the cache when it is first used, and each time the file is found, it must
have that. Whoever knows the whole digest gives it by HUBERT_PITDYN_SHA256.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs

from common import progress
from common.cli import UserError, reason_of
from common.files import atomic_path, remove_leftovers

APP = "hubert-pitdyn"
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 3  # of a transfer that breaks off
BLOCK = 1 << 20  # bytes
MOST_BYTES = 2 << 30  # of a file; the largest, hubert-soft, has under 400 MB


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

    @property
    def sha256(self) -> str:
        """The whole digest that HUBERT_PITDYN_SHA256 gives for it, else the prefix in its name."""
        given = os.environ.get("HUBERT_PITDYN_SHA256", "").lower().replace(",", " ").split()
        if wrong := [digest for digest in given if not re.fullmatch(r"[0-9a-f]{64}", digest)]:
            raise UserError(
                f"HUBERT_PITDYN_SHA256: expected digests of 64 hex digits, found {wrong[0]!r:.80}"
            )
        return next((digest for digest in given if digest.startswith(self.sha256_prefix)), self.sha256_prefix)

    def address(self) -> str:
        """Where it is fetched from: the release, or the mirror if one is set."""
        mirror = os.environ.get("HUBERT_PITDYN_MIRROR")
        return f"{mirror.rstrip('/')}/{self.file}" if mirror else self.url


class _OtherFile(Exception):
    """What was fetched has another hash; its whole digest is the message."""


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to addresses that could be given as a mirror, and to no others."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


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

    Only a complete file with the right hash ever gets its final name in the cache. Wherever it is found it is
    hashed again (about a second for hubert-soft), but for the `path` that is given.
    Raises UserError when `path` is given and missing, or when the file is nowhere and cannot be fetched, or
    has another hash.
    """
    if name not in FILES:
        raise UserError(f"{name!r} is not an official file, expected one of {', '.join(FILES)}")
    entry = FILES[name]
    if path is not None:
        return _given(Path(path), entry)
    for folder in (Path(out) / "official", Path(out), cache_dir(), torch_hub_dir()):
        if (folder / entry.file).is_file():
            return _checked(folder / entry.file, entry)
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


def _checked(path: Path, entry: OfficialFile) -> Path:
    """The path of a file of the right hash, whose whole digest is kept when it is first used."""
    with path.open("rb") as file:
        found = _digest(_blocks(file))
    if not found.startswith(entry.sha256):
        raise UserError(
            f"{path} is damaged or another file (SHA-256 begins {found[:8]}, expected {entry.sha256}); "
            "delete it"
        )
    _require_pinned(path, entry, found)
    return path


def _require_pinned(path: Path, entry: OfficialFile, found: str) -> None:
    pin = cache_dir() / f"{entry.file}.sha256"
    with suppress(OSError, UnicodeDecodeError):
        pinned = pin.read_text(encoding="utf-8").split(" ")[0]
        if pinned != found:
            raise UserError(
                f"{path} is another file than the one that was used before (SHA-256 {found}, expected "
                f"{pinned:.64}); delete it, or {pin} if the new file is right"
            )
        return
    with suppress(OSError), atomic_path(pin) as part:  # a cache that cannot be written keeps none
        part.write_text(f"{found}  {entry.file}\n", encoding="utf-8")


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _digest(blocks: Iterator[bytes], take: Callable[[bytes], object] = len) -> str:
    """SHA-256 in hex of all blocks, each of which `take` gets."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        take(block)
    return digest.hexdigest()


def _require_safe(url: str) -> None:
    """UserError for an address without TLS, unless the environment allows it."""
    scheme = url.partition(":")[0].lower()
    if scheme != "https" and not (scheme == "http" and os.environ.get("HUBERT_PITDYN_ALLOW_HTTP") == "1"):
        raise UserError(
            f"{url}: expected an https address, so that nobody replaces the file on its way; for a mirror of "
            "your own on http set HUBERT_PITDYN_ALLOW_HTTP=1"
        )


def _download(entry: OfficialFile, wanted: Path) -> Path:
    """Fetch into the cache, where the file appears when its hash has been checked.

    Two processes that start at once both succeed: the later one replaces a file with the same bytes.
    """
    folder, url = cache_dir(), entry.address()
    final = folder / entry.file
    by_hand = f"download it by hand and put it at {wanted}"
    _require_safe(url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        progress.say(f"downloading {url} to {folder}")
        with atomic_path(final) as part:
            found = _fetch(url, part, entry.sha256)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Windows refuses to replace a file that another process is reading: it arrived there first.
        if isinstance(error, PermissionError) and final.is_file():
            return _checked(final, entry)
        # A URLError wraps the reason; an HTTPError is one too, and says more (the status) itself.
        reason = error if hasattr(error, "code") else getattr(error, "reason", error)
        reason = reason_of(reason) if isinstance(reason, OSError) and reason.filename else reason
        raise UserError(
            f"{entry.file} is not on this computer and fetching it from {url} to {folder} failed "
            f"({reason}); {by_hand}"
        ) from error
    except _OtherFile as error:
        raise UserError(
            f"{entry.file} from {url} is damaged or another file (SHA-256 begins {str(error)[:8]}, expected "
            f"{entry.sha256}); {by_hand}"
        ) from error
    _require_pinned(final, entry, found)
    return final


def _fetch(url: str, part: Path, sha256: str) -> str:
    """Download to `part` and check the hash, which is returned; what breaks off is tried again, ATTEMPTS
    times in all. A file that was cut short is known by its hash alone, so a wrong one is tried again too."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _fetch_once(url, part, sha256)
        except (ConnectionError, http.client.HTTPException, _OtherFile):
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt raises")


def _fetch_once(url: str, part: Path, sha256: str) -> str:
    opener = urllib.request.build_opener(_SafeRedirects)
    request = urllib.request.Request(url, headers={"User-Agent": APP})
    # A silent server would be waited for without end.
    with opener.open(request, timeout=TIMEOUT) as answer, part.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        with progress.bar(total or None, part.name, unit="B", unit_scale=True) as shown:

            def take(block: bytes) -> None:
                file.write(block)
                shown.update(len(block))
                if file.tell() > MOST_BYTES:
                    raise ValueError(f"it is longer than {MOST_BYTES} bytes")

            found = _digest(_blocks(answer), take)
    if not found.startswith(sha256):
        raise _OtherFile(found)
    return found
