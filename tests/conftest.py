"""What several tests need: a tiny preset, sung material, and a data set with everything made of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.register_assert_rewrite("official_server")
if "PYTEST_XDIST_WORKER" in os.environ:  # a core each: more threads than cores make all of them wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
TRAINING_FIXTURES = {"workspace", "voice"}  # these train models
MICRO = """
extends = "{tiny}"
[labels.pit]
tracker = "yin"
[hubert]
dim = 32
conv_dim = 16
heads = 2
ff = 64
layers = 2
pos_kernel = 16
pos_groups = 4
dropout = {dropout}
[hubert.units]
front_end = "{front_end}"
dim = 32
heads = 2
ff = 64
[head]
channels = 32
depth = 1
dropout = {dropout}
[acoustic]
prenet_dim = 32
conv_dim = 32
mel_prenet_dim = 32
lstm_dim = 32
dropout = {dropout}
[vocoder]
source = "griffin_lim"
[train.hubert]
lr = {lr}
warmstart = "content"
noise = 0.0
batch_size = 4
crop_seconds = 0.5
warmup_steps = 2
validate_every = {validate}
log_every = 1
[train.pits]
speed_octaves = 0.75
equalise = 0.0
disturb = 0.0
[train.dyns]
batch_size = 4
crop_seconds = 0.5
validate_every = {validate}
[train.units]
lr = {lr}
batch_size = 4
crop_seconds = 0.5
validate_every = {validate}
[train.head]
batch_size = 4
crop_seconds = 0.5
warmup_steps = 2
validate_every = {validate}
log_every = 1
[train.acoustic]
batch_size = 4
crop_seconds = 0.5
warmup_steps = 2
validate_every = {validate}
log_every = 1
"""


def pytest_collection_modifyitems(items):
    """Mark as slow what uses trained models; other slow tests carry the mark themselves."""
    for item in items:
        if TRAINING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def sing(f0_start: float, f0_end: float, seconds: float, seed: int) -> np.ndarray:
    """A harmonic glide with a rise and fall of loudness, a hiss before and silence after it, float [S]."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * 16000)) / 16000
    f0 = f0_start * (f0_end / f0_start) ** (times / seconds)
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    voice = sum(np.sin(h * phase) / h for h in range(1, 12)) * np.sin(np.pi * times / seconds) ** 0.5
    hiss = rng.normal(0, 0.3, 2400)
    return np.concatenate([0.15 * hiss, 0.15 * voice, np.zeros(1600)]).astype(np.float32)


def run_script(
    *arguments, cwd: Path, expect: int = 0, fresh: bool = False, **environment
) -> subprocess.CompletedProcess:
    """A script of the project, or a module of it (`tools.NAME`), in a process of its own, from `cwd`.

    fresh: one that Python starts, not a fork of one that has torch loaded.
    """
    import warm_scripts

    done = warm_scripts.run([str(a) for a in arguments], cwd, fresh, **environment)
    assert done.returncode == expect, f"{arguments[0]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def launch(script: Path, *arguments, cwd: Path) -> None:
    """A train script in two processes, as torchrun starts them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    torchrun = ("-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", port)
    command = [str(a) for a in (sys.executable, *torchrun, script, *arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


def labels_of_2022():
    """(PitLabels, DynLabels) of configs/original.toml."""
    from common.presets import load_config
    from hubert_pitdyn.labels import DynLabels, PitLabels

    tables = load_config(ROOT / "configs" / "original.toml")["labels"]
    return PitLabels.from_config(tables["pit"]), DynLabels.from_config(tables["dyn"])


def micro_config(
    folder: Path, dropout: float = 0.1, lr: float = 5e-4, front_end: str = "waveform", validate: int = 3
) -> Path:
    """A preset small enough for tests, on top of configs/tiny.toml.

    lr: of HuBERTs; front_end: of the content encoder, from which the others start if it has theirs;
    validate: steps between validations, whose pictures take longer than the steps.
    """
    path = folder / f"micro-{dropout}-{lr}-{front_end}-{validate}.toml"
    tiny = (ROOT / "configs" / "tiny.toml").as_posix()
    settings = {"dropout": dropout, "lr": lr, "front_end": front_end, "validate": validate}
    path.write_text(MICRO.format(tiny=tiny, **settings), encoding="utf-8")
    return path


def make_workspace(root: Path) -> None:
    """In `root`: recordings in nested folders, one of them broken, labels, a content encoder."""
    (root / "data").mkdir()
    wavs = root / "録音 wavs"
    for i in range(9):
        path = wavs / ("a" if i % 2 else "ほげ") / f"歌 {i // 2}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sing(110 * 1.1**i, 150 * 1.1**i, 1.0 + 0.1 * i, i), 16000)
    (wavs / "broken.wav").write_bytes(b"RIFF but not a wav")
    (wavs / ".DS_Store").write_bytes(b"x")
    config = ("--config", micro_config(root))
    arguments = ("preprocess.py", "songs", "--wavs", wavs, "--pitdyn", *config, "--n_workers", 2)
    run_script(*arguments, cwd=root, expect=1)
    run_script("preprocess.py", "songs", "--discrete", "--clusters", 8, *config, cwd=root, expect=1)
    soft = ("train_hubert.py", "--embds_dn", "units", "data/songs", "out/songs/hubert-soft", *config)
    run_script(*soft, "--device", "cpu", "--steps", 3, cwd=root)


def make_voice(root: Path) -> None:
    """In a workspace: a dataset `songs` (whole pit model, light dyn head), its voice, a bank refined."""
    config = ("--config", micro_config(root))
    cpu = (*config, "--device", "cpu", "--steps", 3)
    wavs, bank = root / "録音 wavs", root / "bank"
    bank.mkdir()
    for i in range(4):
        soundfile.write(bank / f"_か{i}.wav", sing(196, 196, 0.8, 50 + i), 44100)

    def run(*arguments, expect=0):
        return run_script(*arguments, cwd=root, expect=expect)

    pits, dyns = (("train_hubert.py", "--embds_dn", kind, "data/songs") for kind in ("pits", "dyns"))
    run(*pits, "out/songs/hubert-pit", "--trunk", "finetune", *cpu)
    run(*dyns, "out/songs/hubert-dyn", "--trunk", "frozen", *cpu)
    run("preprocess.py", "songs", "--wavs", wavs, "--mel", *config, expect=1)
    run("preprocess.py", "songs", "--encode", "songs", *config, expect=1)
    run("train_acoustic.py", "data/songs", "out/songs/acoustic", *cpu)
    run("preprocess.py", "bank", "--wavs", bank, "--mel", *config)
    run("preprocess.py", "bank", "--encode", "songs", *config)
    best = "out/songs/acoustic/model-best.pt"
    run("train_acoustic.py", "data/bank", "out/bank/acoustic", "--resume", best, "--refine", *cpu)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A working folder as `make_workspace` makes it."""
    root = tmp_path_factory.mktemp("work")
    make_workspace(root)
    return root


@pytest.fixture(scope="session")
def voice(workspace):
    """A workspace with trained voices, as `make_voice` makes them."""
    make_voice(workspace)
    return workspace


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A small plan of experiments.demo_system, in a working folder of its own."""
    from small_system import plan_in

    return plan_in(tmp_path, monkeypatch)


@pytest.fixture
def calls(monkeypatch):
    """Notes the commands of its steps in place of running them."""
    from small_system import note_calls

    return note_calls(monkeypatch)


@pytest.fixture(scope="session")
def vocoder_state():
    from checkpoint_files import make_state

    return make_state("hifigan-hubert-soft")


@pytest.fixture(scope="session")
def acoustic_states():
    from checkpoint_files import make_state

    return {name: make_state(name) for name in ("acoustic-hubert-soft", "acoustic-pitdyn")}


@pytest.fixture
def stored(tmp_path):
    """Save anything the way torch does; the file goes at the end of the test (hundreds of megabytes)."""
    import torch

    path = tmp_path / "声 weights.pt"

    def store(data):
        torch.save(data, path)
        return path

    yield store
    path.unlink(missing_ok=True)
