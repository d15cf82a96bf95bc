"""Small models that all libraries can hold, and pictures as they come."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.exchange.card import Story

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 2, 2), Transformer(32, 2, 1), vocab_size=600, context_length=16
)


@pytest.fixture
def vit() -> Callable[..., CLIP]:
    """Build a small ViT with random weights; arguments change its architecture."""

    def make(**changes) -> CLIP:
        torch.manual_seed(0)
        model = CLIP(replace(SMALL, **changes)).eval()
        for name, weight in model.named_parameters():  # a swapped norm or a forgotten bias shows only where they differ
            if "norm" in name or name.endswith("bias"):
                torch.nn.init.normal_(weight, mean=weight.detach().mean().item(), std=0.1)
        return model

    return make


@pytest.fixture
def story(vit: Callable[..., CLIP]) -> Callable[..., Story]:
    """Tell of a small ViT what little is known; arguments change the story."""
    return lambda **changes: Story("run-1", vit(), "open", {}, {}, {}, "f" * 64)._replace(**changes)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write smooth grey pictures with some noise, upright, lying, square, small and large."""
    folder, generator = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    paths = []
    for width, height in ((200, 160), (150, 300), (128, 128), (32, 32), (20, 15)):
        rows, columns = np.mgrid[:height, :width]
        grey = 120 + 90 * np.sin(rows / height * 5) * np.cos(columns / width * 7) + generator.normal(0, 5, rows.shape)
        paths.append(folder / f"{width}x{height}.png")
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def run_example(monkeypatch: pytest.MonkeyPatch) -> Callable[..., np.ndarray]:
    """Run the Python that a folder's card shows, in that folder, and return its scores."""

    def run(folder: Path, film: Path) -> np.ndarray:
        (folder / "chest.png").write_bytes(film.read_bytes())
        code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
        monkeypatch.chdir(folder)
        names: dict = {}
        exec(compile(code, "README.md", "exec"), names)
        return np.asarray(names["scores"])

    return run
