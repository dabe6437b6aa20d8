"""Voices on the Hugging Face hub: user/repo, or user/repo@revision, fetched into the hub's own cache."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from checkpoints.places import ADDRESS, CONFIG, MOST_CONFIG, MOST_WEIGHTS, WEIGHTS
from common import progress
from common.cli import UserError

MOST = {CONFIG: MOST_CONFIG, WEIGHTS: MOST_WEIGHTS}  # bytes of the files that are fetched; no others are


@cache
def fetch(address: str) -> Path:
    """The folder with a voice's files, fetched where it is not in the hub's cache; all of one commit.

    HF_ENDPOINT and the hub's other variables count. Raises UserError without huggingface_hub, and where a
    file is missing, too large or out of reach.
    """
    if progress.is_silent():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # its own, read when it is imported
    try:
        import huggingface_hub as hub  # noqa: PLC0415  an extra
    except ImportError as error:
        raise UserError(
            f"{address}: no voice of this name in out/; to fetch it from the Hugging Face hub: "
            "pip install huggingface_hub"
        ) from error
    found = ADDRESS.fullmatch(address)
    repo, revision = found["repo"], found["revision"]
    try:
        commit = revision
        for file, most in MOST.items():
            about = hub.get_hf_file_metadata(hub.hf_hub_url(repo, file, revision=commit))
            if (about.size or 0) > most:
                raise UserError(f"{address}: {file} has {about.size} bytes, which no voice has")
            place = Path(hub.hf_hub_download(repo, file, revision=commit))
            commit = about.commit_hash or commit
        progress.say(f"{address}: from the hub, commit {str(commit):.12}")
        return place.parent
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  of the hub, of its HTTP library, of the network
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        try:  # what was fetched before serves without a network
            places = [
                Path(hub.hf_hub_download(repo, f, revision=revision, local_files_only=True)) for f in MOST
            ]
        except Exception:  # noqa: BLE001
            raise UserError(
                f"{address}: no voice of this name in out/, and the hub gave none ({reason})"
            ) from error
    return places[0].parent
