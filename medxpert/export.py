"""Give a run's model to other libraries: python -m medxpert.export run=latest format=onnx output=DIR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from medxpert.config.command import command
from medxpert.errors import ConfigError
from medxpert.folders import read_json
from medxpert.models.folder import CARD
from medxpert.privacy import strictest
from medxpert.report import NOTICE
from medxpert.resuming import read_config
from medxpert.run import Run, open_run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from medxpert.models.exchange.card import Story

_UNSAID = "private"


def read_story(run: Run) -> Story:
    """Open a run's model and collect what its files say of it.

    Raises:
        DataError: the model is missing or damaged, or a file of the run is not JSON.
    """
    from medxpert.models.clip import open_model
    from medxpert.models.exchange.card import Story

    model, metrics = open_model(run.model), run.path / "metrics.json"
    return Story(
        run.path.name,
        model,
        strictest((run.provenance.get("policy", _UNSAID), model.policy)),
        run.provenance,
        read_config(run.path),
        read_json(metrics) if metrics.is_file() else {},
        read_json(run.model / CARD)["fingerprint"],
    )


@command("model_export")
def main(cfg: DictConfig) -> None:
    """Export, have the other library confirm the embeddings, and push where that is asked for and allowed.

    Raises:
        ConfigError: there is no such format, no output, or the library cannot hold the model.
        DataError: the run holds no model, or the other library computes other embeddings.
        RemoteError: the policy forbids a push, or the hub refused it.
    """
    # torch is not loaded for a help page
    from medxpert.models.exchange.formats import check_target, export, find_format
    from medxpert.models.exchange.hub import permitted, push

    form = find_format(cfg.format)
    if not cfg.output:
        raise ConfigError("output= is missing; say where the model goes, such as output=exported")
    target = Path(cfg.output).expanduser().resolve()
    check_target(target)
    story = read_story(open_run(cfg.run))
    token = permitted(str(cfg.push), story.policy) if cfg.push else ""
    found = export(story, cfg.format, target)
    lines = [
        f"{form.library} computes the same embeddings: largest difference {found.image:.1e} (images), "
        f"{found.text:.1e} (texts); allowed {form.tolerance:.0e}",
        *(f"{path}" for path in sorted(target.iterdir())),
        f"Policy: {story.policy}. {NOTICE}",
    ]
    if token:
        lines.append(f"pushed to {push(target, str(cfg.push), token)}; private until its owner opens it")
    Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print("\n".join(lines))


if __name__ == "__main__":
    main()
