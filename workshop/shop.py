"""What all tabs share: models, open recordings, running work."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import cli
from common.cli import UserError
from workshop import controls
from workshop.documents import Desk
from workshop.jobs import Job, Jobs, Progress, Stopped
from workshop.models import Models

STOPPED = '<p class="done" role="status">stopped</p>'


class Shop:
    """One for the page; sessions are browser tabs."""

    def __init__(self, work: Path, device: str | None = None) -> None:
        self.work, self.models = work, Models(work, device=device)
        self.desk, self.jobs = Desk(self.models), Jobs()
        self.closing: list[Callable[[], None]] = []

    def voice_names(self) -> list[str]:
        return [voice.name for voice in self.models.voices()]

    def first_voice(self) -> str | None:
        return next(iter(self.voice_names()), None)

    def watched(self, session: str, place: str, work: Callable[[Job], Any]) -> Iterator[Progress | Any]:
        """Run `work`, with its progress; the last item is what it gives, or the HTML of what went wrong."""
        job = self.jobs.start(session, place, work)
        yield from job.updates()
        try:
            yield Ended(job.result())
        except Stopped:
            yield Ended(message=STOPPED)
        except Exception as error:  # noqa: BLE001  one recording must not end the page
            if not isinstance(error, (UserError, OSError, MemoryError)):
                traceback.print_exception(error)
            yield Ended(message=controls.trouble(error, *uploads(error, self.work)))

    def close(self) -> None:
        for close in self.closing:
            close()


class Ended:
    """What a piece of work gave, or why it gave nothing."""

    def __init__(self, result: Any = None, message: str = "") -> None:
        self.result, self.message = result, message


def uploads(error: BaseException, work: Path) -> list[Path]:
    """Files of the work folder that an error names: their owner knows them by their names alone."""
    text = cli.reason_of(error)
    if str(work) not in text:
        return []
    return [path for path in work.rglob("*") if path.is_file() and str(path) in text]
