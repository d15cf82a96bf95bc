"""Embeds a run's own studies again, or others that are added to its gallery, and indexes them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

from medxpert.bookkeeping import write_rejected
from medxpert.calibration.write import MOST_FILMS, write_calibration
from medxpert.config.build import build
from medxpert.config.settings import Settings
from medxpert.data.stored import Stored
from medxpert.datamodule import DataModule
from medxpert.distributed import own_device
from medxpert.embedding import encoding, films_of
from medxpert.errors import ConfigError, DataError
from medxpert.galleries.adding import Addition, Splits, add, addition_of, note_index, open_new
from medxpert.galleries.publishing import chosen_index, publish_shards, sealed_additions, starting_prompts
from medxpert.galleries.shards import Cut
from medxpert.galleries.share import Share
from medxpert.galleries.source import Source
from medxpert.galleries.summary import added, embedded
from medxpert.indexes.elsewhere import ready
from medxpert.locks import locked
from medxpert.models.clip import CLIP, open_model
from medxpert.models.folder import read_card
from medxpert.resuming import CONFIG, read_config
from medxpert.run import Run
from medxpert.tables.console import show

log = logging.getLogger(__name__)
_MERGED = "another process has merged the shards"
_UNMERGED = (
    "this file system has no locks: once all shards are there, give the command once more without part= to merge them"
)


class Work(NamedTuple):
    """What every way of embedding needs."""

    run: Run
    made_with: Settings
    model: CLIP
    share: Share
    cut: Cut

    @property
    def lock(self) -> Path:
        """A file of the run that stays where it is."""
        return self.run.path / CONFIG

    def data(self, reader: Any) -> DataModule:
        """Return the data that a reader offers, shown as the run's own are."""
        side, tokenizer = self.model.image_side, self.model.tokenizer
        data: DataModule = build(self.made_with.loader, reader=reader, tokenizer=tokenizer, image_side=side)()
        return data

    def embed(self, sources: Sequence[Source]) -> bool:
        """Embed this process's share; tell whether all shards are there."""
        missing = self.cut.embed(self.model, sources, self.share)
        if missing and not self.share.alone:
            told = "%s is done; %d shards of others are missing: who finishes last merges, or the same command later"
            log.info(told, self.share, len(missing))
        return not missing


def index(run: Run, cfg: Settings, share: Share, chosen: str | None) -> None:
    """Embed and index what is asked for.

    Args:
        run: whose studies they are, or shall be.
        cfg: as conf/embed.yaml has it.
        share: of the work that is this process's own.
        chosen: name of the choice of `data`; None for the run's own.

    Raises:
        ConfigError: a size out of range.
        DataError: a part of the run is missing, or the data are no longer those of the run.
    """
    cut = Cut(run.path, read_card(run.model).fingerprint, cfg.shard_studies)
    model = open_model(run.model).to(own_device())
    work = Work(run, Settings(read_config(run.path)), model, share, cut)
    if cfg.get("data") is None:
        embed_again(work, cfg.get("index"))
    else:
        add_studies(work, cfg, chosen)


def embed_again(work: Work, index_of: Settings | None) -> None:
    """Read the run's own configuration, open its data, and publish again.

    Args:
        work: what to do.
        index_of: the index to make; None for that which was chosen last, or that of the run's training.

    Raises:
        ConfigError: another process was faster, and made another index.
        DataError: a part of the run is missing, or the data are no longer those of the run.
    """
    run, cut = work.run, work.cut
    chosen = chosen_index(run) if index_of is None else index_of.plain()
    make = partial(build, work.made_with.index if chosen is None else Settings(chosen, "index"))
    ready(tried := make(), run.policy)  # told now, not after hours
    if chosen and (uri := getattr(tried, "uri", None)):
        chosen["uri"] = uri  # a relative one would be another file's from another folder
    starting_prompts(run)
    sealed_additions(run)
    data = work.data(build(work.made_with.data))
    with locked(work.lock, wait=True, otherwise=True):  # one process decodes, the others open what it stored
        data.setup()
    changed = [split for split, name in run.provenance["stores"].items() if data.stores[split].fingerprint != name]
    if changed:
        raise DataError(
            f"the data of {run.path} changed since it was made ({', '.join(changed)}); bring back the files that "
            "config.yaml names, or make a new run: python train.py"
        )
    sources = [Source(split, store, store.cases.texts) for split, store in data.stores.items()]
    if not work.embed(sources) and not work.share.alone:
        return
    with locked(work.lock, wait=True, otherwise=work.share.alone) as mine:
        if not mine:
            log.info(_UNMERGED)
            return
        if cut.missing(sources):
            _check_merged(work, chosen if index_of else None)
            return
        index = publish_shards(run, work.model, sources, cut, make, chosen)
        films = films_of(data.stores["val"], MOST_FILMS)
        write_calibration(run, films, encoding(work.model), work.made_with.seed)
        note_index(run)
        cut.clear(sources)
    counts = {source.name: (len(source.store), len(cut.shards(source))) for source in sources}
    show(embedded(counts, index), index["policy"], [str(run.path)])


def _check_merged(work: Work, wanted: Mapping[str, Any] | None) -> None:
    """Refuse to end well where another process merged the shards and made another index than this one was to make."""
    made = chosen_index(work.run) or work.made_with.index.plain()
    if wanted is not None and made != wanted:
        raise ConfigError(
            f"index= was not made: another process merged the shards of {work.run.path} for another index; "
            "give the same command again"
        )
    log.info(_MERGED)


def add_studies(work: Work, cfg: Settings, chosen: str | None) -> None:
    """Embed studies that the gallery has not, and put them into its index."""
    if cfg.splits not in get_args(Splits):
        raise ConfigError(f"splits={cfg.splits}: expected train, or all for the studies of every split")
    reader = build(cfg.data)
    data = work.data(reader)
    with locked(work.lock, wait=True, otherwise=True):
        stores = open_new(reader, data.shown, data.cache, cfg.splits)
    prefix = None if cfg.prefix is None else str(cfg.prefix)
    for store in stores:
        _check_rejected(store, cfg.max_rejected)
        add_store(work, store, {"data": chosen, "prefix": prefix})


def add_store(work: Work, store: Stored, facts: dict[str, Any]) -> None:
    """Embed what is new of one store and add it."""
    find = partial(addition_of, work.run, work.cut.encoder, store, facts["prefix"])
    addition = find()
    if addition.source and not work.embed([addition.source]) and not work.share.alone:
        return
    with locked(work.lock, wait=True, otherwise=work.share.alone) as mine:
        if addition.source is None:
            note_index(work.run)  # an earlier process may have been killed before it could
            show(added(addition, None), store.policy)
        elif not mine:
            log.info(_UNMERGED)
        elif work.cut.missing([addition.source]):
            log.info(_MERGED)
        else:
            if find().news.study_ids != addition.news.study_ids:
                raise ConfigError(f"the gallery of {work.run.path} grew meanwhile; give the same command again")
            _finish(work, addition, facts)


def _finish(work: Work, addition: Addition, facts: dict[str, Any]) -> None:
    index = add(work.run, addition, work.cut, facts)
    if addition.source:
        work.cut.clear([addition.source])
    path = work.run.path / f"rejected_added_{index['added'][-1]}.csv"
    write_rejected(path, [*addition.store.rejected, *addition.news.left_out], index["policy"])
    show(added(addition, index), index["policy"], [str(work.run.path), str(path)])


def _check_rejected(store: Stored, most: float) -> None:
    lost, whole = len(store.rejected), len(store) + len(store.rejected)
    if lost > most * whole:
        raise DataError(
            f"{lost} of {whole} studies are unusable, more than max_rejected={most}; raise it to go on without them; "
            f"the first: {store.rejected[0]}"
        )
