"""data/<name>/wavs: where the recordings of a data folder are, which the user keeps elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from common.cli import UserError


class WavsLink:
    """wavs/ in a data folder `root`: a link, or where links are refused a recorded path, wavs.txt."""

    def __init__(self, root: Path) -> None:
        self.root, self.link, self.record = root, root / "wavs", root / "wavs.txt"

    def connect(self, wavs: Path | None) -> None:
        """Make it lead to the user's folder. Raises UserError as `place_of` does."""
        target = self.place_of(wavs)
        if target is None:
            return
        self.root.mkdir(parents=True, exist_ok=True)
        # What leads nowhere goes before: a link that came back to life would be taken for the new one.
        self.record.unlink(missing_ok=True)
        if os.path.lexists(self.link) and not self.link.exists():
            remove_link(self.link)
        make_link(self.link, target)

    def place_of(self, wavs: Path | None) -> Path | None:
        """The folder that it has to be led to; None where it leads there already.

        Without `wavs` it has to be there already. Raises UserError naming what is missing.
        """
        if wavs is None:
            self.folder  # noqa: B018  raises when nothing is connected
            return None
        if not wavs.is_dir():
            found = "a file" if wavs.exists() else "nothing"
            raise UserError(f"{wavs}: expected a folder of wavs or a bank's zip, found {found}")
        target = wavs.resolve()
        return None if self.require(target) else target

    def require(self, target: Path) -> bool:
        """Whether it leads to `target` already; UserError where it leads to another folder that is there."""
        connected = self._connected()
        if connected is None or not connected.is_dir():
            return False
        if connected != target:
            raise UserError(
                f"{self.root}: its wavs are {connected}, not {target}; "
                f"take another name, or delete {self.root} to start afresh"
            )
        return True

    @property
    def folder(self) -> Path:
        """The folder with the user's wavs, links resolved. UserError naming what is missing."""
        found = self._connected()
        if found is None or not found.is_dir():
            raise UserError(
                f"{self.link}: expected a folder of wavs, found "
                f"{'nothing' if found is None else f'a dead link to {found}'}; "
                f"make it: python preprocess.py {self.root.name} --wavs <path/to/wavs> --pitdyn"
            )
        return found

    def _connected(self) -> Path | None:
        """Where the wavs are or were. A recorded path was given later than a link beside it."""
        if self.record.is_file():
            return Path(os.fsdecode(self.record.read_bytes()).strip("\r\n"))
        return self.link.resolve() if os.path.lexists(self.link) else None


def make_link(link: Path, target: Path) -> None:
    """A junction on Windows (needs no rights), a symbolic link elsewhere, else the path in a text file."""
    try:
        if os.name == "nt":
            import _winapi  # noqa: PLC0415  Windows has it alone

            _winapi.CreateJunction(str(target), str(link))
        else:
            link.symlink_to(target, target_is_directory=True)
    except OSError:
        link.with_suffix(".txt").write_bytes(os.fsencode(target) + b"\n")


def remove_link(link: Path) -> None:
    """A link alone, not what it leads to."""
    if os.name == "nt":
        os.rmdir(link)  # a junction is a folder to Windows
    else:
        link.unlink()
