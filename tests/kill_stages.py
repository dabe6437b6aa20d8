"""The stages that kill_runs.py kills, cheap enough to be run hundreds of times."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

TRAINED = ("train_hubert", "train_acoustic", "train_vocoder")
OFTEN = "[train.{}]\nvalidate_every = 1\nlog_every = 1\nkeep = 2\n"  # and so a file to kill at in each step
STEPS = 8  # of each training


@dataclass
class Stage:
    """A command, the folder that it writes, and whether it is a training."""

    name: str
    command: list[str]
    folder: Path
    end: int = 0  # exit code of a whole run
    seconds: float = 0.0
    whole: dict[str, object] = field(default_factory=dict)  # its files, when nobody kills it

    def arguments(self) -> list[str]:
        """What a user gives after a kill: the same, and for a training what it said when it was refused."""
        if self.name not in TRAINED:
            return self.command
        left = sorted(self.folder.glob("model-[0-9]*.pt"), key=lambda path: path.stat().st_mtime_ns)
        if left:
            return [*self.command, "--resume", str(left[-1])]
        return [*self.command, "--overwrite"] if list(self.folder.glob("model-*.pt")) else self.command


def stages(work: Path) -> list[Stage]:
    """The stages in a working folder with a voice, cheap enough to be run hundreds of times."""
    from conftest import micro_config
    from test_train_vocoder import MICRO

    config = work / "often.toml"
    vocoder = MICRO.format(generator="istft").replace("validate_every = 3\nlog_every = 1\n", "")
    # Discriminators from the first step on: losses from before and after they begin do not compare.
    vocoder = vocoder.replace("adversarial_after = 2", "adversarial_after = 0")
    vocoder = vocoder.replace("[train.vocoder]\n", OFTEN.format("vocoder"))
    tables = [vocoder, *(OFTEN.format(name) for name in ("head", "acoustic"))]
    config.write_text(f'extends = "{micro_config(work).as_posix()}"\n' + "".join(tables), encoding="utf-8")
    common = ["--config", str(config), "--device", "cpu"]
    wavs = str(work / "録音 wavs")
    hubert = ["train_hubert.py", "--embds_dn", "dyns", "data/songs", "out/k/hubert", "--trunk", "frozen"]
    return [
        Stage(
            "preprocess",
            ["preprocess.py", "k", "--wavs", wavs, "--pitdyn", "--config", str(config), "--n_workers", "2"],
            work / "data" / "k",
            end=1,
        ),
        Stage("train_hubert", [*hubert, *common, "--steps", str(STEPS)], work / "out/k/hubert"),
        Stage(
            "train_acoustic",
            ["train_acoustic.py", "data/songs", "out/k/acoustic", *common, "--steps", str(STEPS)],
            work / "out/k/acoustic",
        ),
        Stage(
            "train_vocoder",
            ["train_vocoder.py", "data/songs", "out/k/hifigan", *common, "--steps", str(STEPS)],
            work / "out/k/hifigan",
        ),
        Stage(
            "infer",
            ["infer.py", "songs", "--dataset", "songs", "--input", wavs, "--out_path", "gen/k"],
            work / "gen" / "k",
            end=1,
        ),
    ]
