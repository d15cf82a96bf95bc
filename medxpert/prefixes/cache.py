"""The activations under a model's frozen blocks, of everything that its training can draw, computed once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.filesize import decimal
from torch import Tensor

from medxpert.data.batch import Drawn
from medxpert.errors import ConfigError
from medxpert.models.clip import CLIP
from medxpert.models.freezing import FreezableTower
from medxpert.prefixes.files import build, check_built, missing_bytes
from medxpert.prefixes.fixed import check_fixed
from medxpert.prefixes.lookups import CachedStates, ImageStates, Mapped, TextStates
from medxpert.prefixes.recipe import Recipe
from medxpert.prefixes.sides import Images, Side, Texts
from medxpert.privacy import strictest

FOLDER = "prefixes"
log = logging.getLogger(__name__)


@dataclass
class PrefixCache:
    """Computes the activations where they are not cached, and finds them again.

    Args:
        model: with frozen blocks.
        precision: of the training, as Lightning names it.
        computing: makes the context in which the training computes, such as autocast.
        device: where.
    """

    model: CLIP
    precision: str
    computing: Callable[[], AbstractContextManager[object]]
    device: torch.device
    _sides: Mapping[str, Side] | None = field(default=None, init=False)
    _is_built: bool = field(default=False, init=False)

    def build(self, drawn: Drawn, cache: Path) -> None:
        """Compute what is not cached yet; a second time there is nothing to do.

        Args:
            drawn: the batches of the training, without activations.
            cache: folder of all caches.

        Raises:
            ConfigError: nothing can be cached, pixels change with the draw, or the disk is too small.
        """
        if self._is_built:
            return
        check_fixed(drawn)
        self.model.to(self.device)
        recipes = self._recipes(drawn)
        folders = {cache / FOLDER / recipe.name: recipe for recipe in recipes.values()}
        _check_space(folders, cache)
        policy = strictest([self.model.policy, drawn.store.policy])
        for folder, recipe in folders.items():
            build(recipe, folder, policy)
        _tell_others(cache / FOLDER, set(folders))
        self._is_built = True

    def open(self, drawn: Drawn, cache: Path) -> CachedStates:
        """Return what `build` made, here or in another process.

        Raises:
            DataError: the frozen weights or the data are no longer those of the cache.
        """
        found: dict[str, ImageStates | TextStates] = {}
        for name, recipe in self._recipes(drawn).items():
            path = check_built(recipe, cache / FOLDER / recipe.name)
            found[name] = self._found_sides(drawn)[name].states(Mapped(path))
        return CachedStates(found.get("images"), found.get("texts"))  # type: ignore[arg-type]

    def _recipes(self, drawn: Drawn) -> dict[str, Recipe]:
        sides = self._found_sides(drawn)
        return {name: side.recipe(self.model, self.precision, self._below) for name, side in sides.items()}

    def _found_sides(self, drawn: Drawn) -> Mapping[str, Side]:
        """Return the sides that have frozen blocks and that can be known beforehand."""
        if self._sides is None:
            sides: dict[str, Side] = {}
            if self.model.image.num_frozen:
                sides["images"] = Images(drawn)
            if self.model.text.num_frozen and drawn.text.is_finite:
                sides["texts"] = Texts(drawn)
            elif self.model.text.num_frozen:
                log.info("frozen prefix: texts are drawn sentence by sentence, so only images are cached")
            if not sides:
                raise ConfigError(
                    "model.cache_prefix=true: only texts are frozen, and they are drawn sentence by sentence; set "
                    "model.freeze.image_blocks, or leave out loader.max_sentences and loader.shuffle_sentences"
                )
            self._sides = sides
        return self._sides

    @torch.no_grad()
    def _below(self, tower: FreezableTower, inputs: Tensor, places: Tensor | None) -> Tensor:
        device = next(tower.parameters()).device
        with self.computing():
            return tower.below(inputs.to(device), None if places is None else places.to(device))


def _check_space(folders: Mapping[Path, Recipe], cache: Path) -> None:
    """Say how much disk space is needed.

    Raises:
        ConfigError: there is less.
    """
    needed = sum(missing_bytes(recipe, folder) for folder, recipe in folders.items())
    if not needed:
        return
    existing = next(one for one in (cache, *cache.parents) if one.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ConfigError(
            f"model.cache_prefix=true needs {decimal(needed)} in {cache}, {decimal(free)} are free; free the "
            "space, set MEDXPERT_CACHE to another disk or leave it out"
        )
    told = "frozen prefix: caching it takes %s of the %s free in %s"
    log.info(told, decimal(needed), decimal(free), cache / FOLDER)


def _tell_others(folder: Path, used: set[Path]) -> None:
    """Say where the caches of other trainings lie; they are left to the user."""
    others = [one for one in folder.iterdir() if one.is_dir() and one not in used]
    size = sum(file.stat().st_size for one in others for file in one.iterdir() if file.is_file())
    if others:
        told = "frozen prefix: %d caches of other weights or data take %s in %s; remove what you no longer need"
        log.info(told, len(others), decimal(size), folder)
