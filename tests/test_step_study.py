"""The studies of the training step: what is counted, and what is emulated."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from medxpert.losses.info_nce import info_nce
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@pytest.fixture
def studies(monkeypatch):
    for name in ("precision", "speed"):
        monkeypatch.syspath_prepend(EXPERIMENTS / name)


@pytest.mark.parametrize("frozen", [1, 2, 3])
def test_operations_are_those_that_torch_counts(studies, frozen):
    from flops import step_flops

    size = Architecture("small", 32, 8, 24, Transformer(64, 3, 1), Transformer(64, 3, 1))
    model = CLIP(size)
    model.freeze(Freeze(frozen, frozen))
    tokens = torch.zeros(5, 12, dtype=torch.int64)
    tokens[:, 11] = 49407
    pixels = torch.randint(0, 256, (5, 32, 32), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        rows = model.encode_image(pixels), model.encode_text(tokens)
        info_nce(*rows, model.logit_scale.exp()).backward()
    found = step_flops(size, (frozen, frozen), 5, [12] * 5)
    assert found == pytest.approx(counter.get_total_flops(), rel=0.02)


def rounded(*tensors):
    return [one.bfloat16().float() for one in tensors]


@pytest.mark.parametrize("product", [F.linear, lambda x, w: x @ w.T, lambda x, w: torch.matmul(x, w.T)])
def test_emulation_rounds_products_forward_and_backward(studies, product):
    from emulation import EmulatedBF16

    torch.manual_seed(0)
    x, w, goal = torch.randn(4, 8), torch.randn(6, 8, requires_grad=True), torch.randn(4, 6)
    with EmulatedBF16():
        y = product(x, w)
        (y * goal).sum().backward()
    (low_x, low_w, low_goal) = rounded(x, w.detach(), goal)
    torch.testing.assert_close(y.detach(), rounded(low_x @ low_w.T)[0], atol=0, rtol=0)
    torch.testing.assert_close(w.grad, rounded(low_goal.T @ low_x)[0], atol=0, rtol=0)


def test_emulation_is_close_to_autocast(studies):
    from emulation import EmulatedBF16

    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5))
    x = torch.randn(3, 1, 8, 8)
    with EmulatedBF16():
        found = layers(x)
    with torch.autocast("cpu", torch.bfloat16):
        expected = layers(x).float()
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-2)
    assert not torch.equal(found, layers(x))


@pytest.mark.slow
def test_precision():
    script = EXPERIMENTS / "precision" / "score.py"
    done = subprocess.run([sys.executable, script, "quick=true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "| clip_tiny | 3 |" in done.stdout
