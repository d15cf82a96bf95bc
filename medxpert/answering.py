"""The chain of infer.py: open the run, ask the assistant, show and write the answer."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from medxpert.assistant import Answer, Assistant
from medxpert.audit import Audit
from medxpert.batch import Batch
from medxpert.config.build import build
from medxpert.documents.terminal import panel
from medxpert.drafting import DRY_RUN, Drafting
from medxpert.errors import ConfigError, RemoteError
from medxpert.run import open_run

_SHOWN = ("view", "label", "split", "policy", "source")
_ASKED = ("image", "images", "query")


def answer(cfg: DictConfig) -> None:
    """Answer the configured query: table and report on stdout, files where `output` says.

    Raises:
        ConfigError: not exactly one of image, images and query is given.
        RemoteError: the reporter asked for did not write the report; the template's was shown and written.
    """
    if sum(cfg[name] is not None for name in _ASKED) != 1:
        raise ConfigError("give one of image=FILE, images=FOLDER and query='some text'; see python infer.py --help")
    console = Console()
    assistant = Assistant(open_run(cfg.run), _drafting(cfg, console), build(cfg.rule), cfg.policy)
    reason = _answer_folder(cfg, assistant) if cfg.images is not None else _answer_one(cfg, assistant, console)
    if reason:
        raise RemoteError(reason)


def _drafting(cfg: DictConfig, console: Console) -> Drafting:
    def show(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    return Drafting(build(cfg.reporter), Audit(), cfg.unsupported, cfg.confirm_no_text, show)


def _answer_one(cfg: DictConfig, assistant: Assistant, console: Console) -> str:
    where = build(cfg.filter)
    if cfg.image is not None:
        found = assistant.ask_image(Path(cfg.image), cfg.top_k, cfg.match, where)
    else:
        found = assistant.ask_text(cfg.query, cfg.top_k, cfg.match, where)
    tables = [hit_table(found)] if found.hits else []
    console.print(Group(*tables, panel(found.report)))
    if cfg.output is not None:
        for path in assistant.write(found, Path(cfg.output)):
            console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
    reason = found.report.fallback_reason
    return "" if reason == DRY_RUN else reason


def _answer_folder(cfg: DictConfig, assistant: Assistant) -> str:
    if cfg.output is None:
        raise ConfigError("images= writes one row per image: give output=DIR")
    asked = [name for name, usual in (("top_k", 5), ("match", "both")) if cfg[name] != usual]
    asked += [f"filter.{name}" for name, value in cfg.filter.items() if value and name in _SHOWN]
    if asked:
        raise ConfigError(f"{asked[0]}= chooses what is shown of one answer; leave it out with images=")
    return Batch(assistant, Path(cfg.images), Path(cfg.output), cfg.format, build(cfg.filter)).run()


def hit_table(answer: Answer) -> Table:
    """Lay out the hits: rank, score, study, text."""
    compared = "images and texts" if answer.match == "both" else f"{answer.match}s"
    table = Table(title=Text(f"Cases whose {compared} are nearest to {answer.query.name}"), title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("study")
    table.add_column("text", ratio=1)
    for hit in answer.hits:
        table.add_row(str(hit.rank), f"{hit.score:.3f}", Text(hit.study_id), Text(hit.text))
    return table
