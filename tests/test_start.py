"""What a conversion loads: neither what only preprocessing needs, nor torch's compiler."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from checkpoints.skip_init import without_initialisation
from hubert_pitdyn.model import Hubert
from vocoder.harmonic import HarmonicGenerator

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"librosa", "numba", "scipy.signal", "sklearn", "matplotlib", "tensorboard", "torch._dynamo", "sympy"}
INFER = """
import runpy, sys
sys.argv = ["infer.py", *sys.argv[1:]]
try:
    runpy.run_path("infer.py", run_name="__main__")
except SystemExit as error:
    assert not error.code, error.code
print("loaded:", *sorted(sys.modules))
"""


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_conversion_loads_nothing_heavy_but_torch(tmp_path, rate):
    wav, source_rate = soundfile.read(ROOT / "test" / "slt_clear.wav")
    soundfile.write(tmp_path / "in.wav", wav[:16000], rate)
    arguments = ("kathleen", "--dataset", "demo", "--input", tmp_path / "in.wav", "--out_path", tmp_path)
    command = [sys.executable, "-c", INFER, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    loaded = set(done.stdout.split("loaded:")[1].split())
    assert source_rate == 16000 and "torch" in loaded and not HEAVY & loaded


def test_a_hundred_models_are_built_without_drawing_weights():
    sizes = {"dim": 32, "blocks": 1}
    for _ in range(100):
        with without_initialisation():
            HarmonicGenerator(**sizes)
            Hubert(classes=4, dim=16, conv_dim=8, heads=2, ff=16, layers=1, pos_kernel=8, pos_groups=2)


def test_initialisation_comes_back_even_after_an_error():
    before = nn.init.normal_, nn.init.trunc_normal_
    with pytest.raises(ZeroDivisionError), without_initialisation():
        assert nn.init.normal_ is not before[0]
        raise ZeroDivisionError
    assert (nn.init.normal_, nn.init.trunc_normal_) == before
    torch.manual_seed(0)
    assert 0.5 < float(nn.Embedding(50, 50).weight.detach().std()) < 2


def test_what_is_loaded_equals_what_was_saved_to_the_bit():
    from checkpoints import models, store  # noqa: PLC0415  after torch

    path = ROOT / "out" / "demo" / "hubert-pit" / "model-best.pt"
    state = models.load_hubert(path).state_dict()
    kept = store.load(path, state=False)["model"]
    pairs = {name: (state[name], kept[name]) for name in state if name in kept}
    assert len(pairs) > 20 and all(torch.equal(a, b.to(a.dtype)) for a, b in pairs.values())
    assert not any(np.isnan(a.numpy()).any() for a in state.values())


FIRST_LINE = """
import runpy, sys, time
import torch
sys.path.insert(0, "")
began = time.process_time()

class Reached(Exception):
    pass

class Stderr:
    encoding = "utf-8"
    isatty = lambda self: False
    flush = reconfigure = lambda self, **settings: None

    def write(self, text):
        sys.__stdout__.write(f"{time.process_time() - began:.3f} {text}\\n")
        raise Reached

sys.argv, sys.stderr = sys.argv[1:], Stderr()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except (Reached, SystemExit):
    pass
"""


def test_the_first_line_comes_within_a_second_beyond_torch(tmp_path):
    given = ("kathleen", "--input", "test/slt_clear.wav", "--out_path", str(tmp_path))
    taken = []
    for _ in range(2):
        command = [sys.executable, "-c", FIRST_LINE, "infer.py", *given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
        seconds, line = done.stdout.splitlines()[0].split(" ", 1)
        assert line.startswith("loading kathleen ...")
        taken.append(float(seconds))
    assert min(taken) < 1.0
