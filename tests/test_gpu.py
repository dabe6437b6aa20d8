"""What only a GPU can show. Without CUDA the whole file is skipped, in one line."""

import pytest
import torch
from small_runs import Numbers, losses_of, small_run, square

if not torch.cuda.is_available():
    pytest.skip("no CUDA here", allow_module_level=True)

from common import devices  # noqa: E402
from training.trainer import Trainer  # noqa: E402
from vocoder.pulses import pulse_train  # noqa: E402

pytestmark = pytest.mark.gpu


def test_this_process_has_its_own_gpu():
    assert devices.choose_device("cuda") == torch.device("cuda", 0)
    assert devices.choose_amp("auto", torch.device("cuda", 0)) in (torch.bfloat16, torch.float16)


def test_pulses_are_those_of_the_cpu():
    f0 = 200 * 2 ** torch.sin(torch.arange(6000) / 70).unsqueeze(0)
    on_cpu, on_gpu = pulse_train(f0), pulse_train(f0.cuda()).cpu()
    assert float((on_cpu - on_gpu).square().mean() / on_cpu.square().mean()) < 1e-8


@pytest.mark.parametrize("amp", [None, torch.bfloat16, torch.float16])
def test_a_training_runs_and_resumes(tmp_path, amp):
    about = {"kind": "istft", "config": {"model": {}, "toml": {}}, "labels": None, "card": {}}

    def trainer(steps):
        settings = {"batch_size": 2, "warmup_steps": 0, "validate_every": 2, "steps": steps}
        run = small_run(tmp_path, "acoustic", **settings)
        run.device, run.amp = torch.device("cuda", 0), amp
        return Trainer(run, torch.nn.Linear(3, 1), lambda: about)

    trainer(2).fit(Numbers(), square, losses_of([1.0]))
    again = trainer(4)
    again.resume(tmp_path / "model-2.pt")
    again.fit(Numbers(), square, losses_of([0.5]))
    assert again.step == 4
