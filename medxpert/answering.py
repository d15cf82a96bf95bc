"""The chain of infer.py: open the run, ask the assistant, show and write the answer."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from medxpert.assistant import Answer, Assistant
from medxpert.config.build import build
from medxpert.errors import ConfigError
from medxpert.report import render
from medxpert.run import open_run


def answer(cfg: DictConfig) -> None:
    """Answer the configured query: table and report on stdout, files where `output` says.

    Raises:
        ConfigError: not exactly one of image and query is given.
    """
    if (cfg.image is None) == (cfg.query is None):
        raise ConfigError("give one of image=FILE and query='some text'; see python infer.py --help")
    assistant = Assistant(open_run(cfg.run), build(cfg.reporter), cfg.query_policy)
    where = build(cfg.filter)
    if cfg.image is not None:
        found = assistant.ask_image(Path(cfg.image), cfg.top_k, cfg.match, where)
    else:
        found = assistant.ask_text(cfg.query, cfg.top_k, cfg.match, where)
    console = Console()
    console.print(Group(hit_table(found), report_panel(found)))
    if cfg.output is not None:
        for path in assistant.write(found, Path(cfg.output)):
            console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


def hit_table(answer: Answer) -> Table:
    """Lay out the hits: rank, score, study, text."""
    compared = "images and texts" if answer.match == "both" else f"{answer.match}s"
    table = Table(title=Text(f"Cases whose {compared} are nearest to {answer.query}"), title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("study")
    table.add_column("text", ratio=1)
    for hit in answer.hits:
        table.add_row(str(hit.rank), f"{hit.score:.3f}", Text(hit.study_id), Text(hit.text))
    return table


def report_panel(answer: Answer) -> Panel:
    """Show the draft under its notice."""
    return Panel(Markdown(render(answer.report)), title="Report draft", title_align="left")
