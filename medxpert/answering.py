"""The chain of infer.py: open the run, hear or read what is asked, ask the assistant, show and write the answer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import signature
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from medxpert.answer import Answer
from medxpert.assistant import Assistant, Opening, Shown
from medxpert.audit import Audit
from medxpert.batch import Batch
from medxpert.config.build import build
from medxpert.config.settings import Settings
from medxpert.delivery import Delivery
from medxpert.documents.reply import reply_panel
from medxpert.documents.terminal import panel
from medxpert.drafting import Drafting
from medxpert.errors import ConfigError, DataError, RemoteError
from medxpert.gating import DRY_RUN, Gate
from medxpert.images.errors import ImageError
from medxpert.run import open_run

_SHOWN = ("view", "label", "split", "policy", "source")
_USUAL_EXPORTS = {"json", "markdown", "html"}
_HELP = "see python infer.py --help"


def answer(cfg: Settings) -> None:
    """Answer what is asked: table, report and reply on stdout, files where `output` says.

    Raises:
        ConfigError: it is not clear what is asked.
        DataError: a recording was not understood, or a format cannot hold the answer; all else was shown and written.
        RemoteError: a model asked for did not write the report or the reply; the offline ones were shown and written.
    """
    _check(cfg)
    asking = Asking(cfg, Console())
    reason = asking.folder() if cfg.images is not None else asking.one()
    if reason:
        raise RemoteError(reason)


def _check(cfg: Settings) -> None:
    image, images, query, question, prior, audio = (
        cfg[name] is not None for name in ("image", "images", "query", "question", "prior", "audio")
    )
    if image + images + (query or (audio and not image)) != 1:
        raise ConfigError(f"give one of image=FILE, images=FOLDER, query='some text' and audio=FILE; {_HELP}")
    for given, name in ((question, "question"), (prior, "prior")):
        if given and not image:
            raise ConfigError(f"{name}= is about one image; give image=FILE, too; {_HELP}")
    if cfg.format != "csv" and not images:
        raise ConfigError("format=csv and format=jsonl are for images=; of one answer, export= chooses the formats")
    if audio and (question or images or query):
        raise ConfigError("audio= holds the question about image=, or the query; leave question=, query=, images= out")
    for name in ("image", "prior"):
        if cfg[name] is not None and not os.path.exists(cfg[name]):
            raise DataError(f"{name}={cfg[name]}: no such file; give the path of a radiograph")
        if cfg[name] is not None and os.path.isdir(cfg[name]):
            raise DataError(f"{name}={cfg[name]}: expected a radiograph, found a folder; images= takes one")


@dataclass(frozen=True)
class Asking:
    """One call of infer.py.

    Attributes:
        cfg: as composed.
        console: to show things on.
    """

    cfg: Settings
    console: Console
    audit: Audit = field(default_factory=Audit)

    @cached_property
    def assistant(self) -> Assistant:
        """The one that is asked."""
        cfg = self.cfg
        run = open_run(cfg.run)
        gate = Gate(build(cfg.reporter), self.audit, cfg.confirm_no_text, self._say)
        drafting, rule, captioner = Drafting(gate, cfg.unsupported), build(cfg.rule), build(cfg.captioner)
        assistant = Assistant(run, drafting, rule, cfg.policy, captioner, self._opened())
        assistant.gallery.permit(cfg.policy)
        return assistant

    def _opened(self) -> Opening:
        """Return what opens the encoder; one that chooses by the number of images is told how many there are."""
        opened = build(self.cfg.encoder)
        if self.cfg.images is None or "num_images" not in signature(opened).parameters:
            return opened
        return partial(opened, num_images=max(1, sum(path.is_file() for path in Path(self.cfg.images).rglob("*"))))

    def one(self) -> str:
        """Answer one query; return why a model asked for did not answer, "" where it did."""
        found = self._answered()
        tables = [hit_table(found)] if found.hits else []
        told = panel(found.report) if found.reply is None else reply_panel(found.reply)
        self.console.print(Group(*tables, told))
        faults = self._written(found)
        if faults:
            raise DataError("; ".join(faults))
        reason = found.reply.fallback_reason if found.reply else found.report.fallback_reason
        return "" if reason == DRY_RUN else reason

    def folder(self) -> str:
        """Report on a folder; return why a model asked for did not write, "" where it did."""
        cfg = self.cfg
        if cfg.output is None:
            raise ConfigError("images= writes one row per image: give output=DIR")
        asked = [name for name, usual in (("top_k", 5), ("match", "both")) if cfg[name] != usual]
        asked += [f"filter.{name}" for name, value in cfg.filter.items() if value and name in _SHOWN]
        if asked:
            raise ConfigError(f"{asked[0]}= chooses what is shown of one answer; leave it out with images=")
        if set(cfg.export) != _USUAL_EXPORTS:
            raise ConfigError("export= writes one answer; with images=, format= says what is written")
        return Batch(self.assistant, Path(cfg.images), Path(cfg.output), cfg.format, build(cfg.filter)).run()

    def _answered(self) -> Answer:
        cfg = self.cfg
        heard = self._heard() if cfg.audio is not None else None
        shown = Shown(cfg.top_k, cfg.match, build(cfg.filter))
        if cfg.image is None:
            return self.assistant.ask_text(cfg.query if heard is None else heard, shown)
        image, prior = Path(cfg.image), Path(cfg.prior) if cfg.prior is not None else None
        question = cfg.question if heard is None else heard
        try:
            if question is None:
                return self.assistant.ask_image(image, shown, prior)
            return self.assistant.ask_question(image, question, shown, prior)
        except ImageError as error:
            raise self._typed(error) from error

    def _typed(self, error: ImageError) -> ImageError:
        """Return what is wrong with a picture, named as it was typed."""
        for key in ("image", "prior"):
            named = f"{Path(self.cfg[key] or '')}: "
            if str(error).startswith(named):
                return ImageError(f"{key}={self.cfg[key]}: {str(error).removeprefix(named)}", error.reason)
        return error

    def _heard(self) -> str:
        # needs no sound library where nothing is said
        from medxpert.hearing import Hearing

        heard = Hearing(build(self.cfg.recogniser), self.audit).heard(Path(self.cfg.audio), self.cfg.policy)
        if not heard.text:
            typed = "question=" if self.cfg.image is not None else "query="
            raise DataError(f"audio={self.cfg.audio} was not understood: {heard.reason}; say it again, or type {typed}")
        self._say(f"heard: {heard.text}")
        return heard.text

    def _written(self, found: Answer) -> list[str]:
        """Write what is asked for; return what could not be written."""
        folder = self._output()
        if folder is None:
            return []
        delivered = Delivery(self.assistant.gallery, build(self.cfg.export) or {}).write(found, folder)
        for path in delivered.paths:
            self._say(f"wrote {path}")
        return delivered.faults

    def _output(self) -> Path | None:
        if self.cfg.output is not None:
            return Path(self.cfg.output)
        if set(self.cfg.export) == _USUAL_EXPORTS:
            return None
        return Path(f"{Path(self.cfg.image or 'query').stem}-report")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


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
