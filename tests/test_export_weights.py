"""tools/export_weights.py: half the precision, no optimizer, the same voice."""

import numpy as np
import torch
from conftest import run_script

import checkpoints
from converter import VoiceConverter


def test_an_exported_voice_converts_like_the_one_it_was_made_of(voice):
    own = voice / "out" / "songs" / "acoustic" / "model-best.pt"
    arguments = ("tools/export_weights.py", own, "out/small/acoustic/model-best.pt", "--voice", "small")
    done = run_script(*arguments, cwd=voice)
    assert "small" in done.stdout and " MB, of " in done.stdout
    path = voice / "out" / "small" / "acoustic" / "model-best.pt"
    before, after = checkpoints.load(own), checkpoints.load(path)
    assert "training" in before and "training" not in after
    assert after["card"] == {**before["card"], "voice": "small"} and before["card"]["voice"] == "songs"
    floats = [t for t in after["model"].values() if t.is_floating_point()]
    assert floats and all(t.dtype == torch.float16 for t in floats)
    assert path.stat().st_size < 0.4 * own.stat().st_size
    one, other = (
        VoiceConverter.load(name, "songs", voice / "out", vocoder="griffin_lim").acoustic
        for name in ("songs", "small")
    )
    units = torch.randn(1, 20, 768, generator=torch.Generator().manual_seed(0))
    assert np.allclose(one.generate(units), other.generate(units), atol=0.02)
