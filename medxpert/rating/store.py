"""The reader studies of one folder, as their coordinator handles them: made, filled, opened, closed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

from medxpert.database import transaction
from medxpert.documents.wording import line
from medxpert.errors import ConfigError, DataError
from medxpert.folders import atomic_folder, explained, sha256
from medxpert.privacy import strictest
from medxpert.rating import rows
from medxpert.rating.database import connected, now
from medxpert.rating.design import SIMULATED, SOURCES, Plan, digest, document
from medxpert.rating.drawing import Drawing
from medxpert.rating.record import CaseRow, Progress, Rated, Study
from medxpert.rating.scales import scales
from medxpert.rating.shaping import TOLD, Shaped, of_plain, shaped

DATABASE, PICTURES = "reader_studies.sqlite", "pictures"


class Studies:
    """The reader studies of one folder; may be shared by threads, and the folder by processes.

    Args:
        folder: made if there is none, for its owner only.

    Raises:
        ConfigError: the folder cannot be written.
        DataError: the database in it is damaged, or newer than this program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        with connected(self.path):
            pass

    def create(self, plan: Plan, drawing: Drawing, who: str, simulated: bool = False) -> Study:
        """Draw the cases of a new study; it stays a draft until it is opened.

        Args:
            plan: what is asked.
            drawing: draws from a run.
            who: makes it.
            simulated: whether its readers will be no people; every figure then says so.

        Raises:
            ConfigError: the plan cannot be honoured, or the folder not be written.
            DataError: there are too few usable cases.
        """
        key = token_hex(6)
        with atomic_folder(self._pictures(key)) as folder:
            drawn = drawing.draw(plan, folder)
        cases = drawing.run.embeddings(plan.split).cases
        policy = strictest([drawing.run.policy, drawing.assistant.gallery.policy, *set(cases.column("policy"))])
        about = {
            "run": drawing.run.path.name,
            "run_finished": str(drawing.run.provenance.get("finished", "")),
            "made_with": drawing.assistant.under(drawing.run.policy).made_with(),
            "told": list(drawn.told),
            "shape": TOLD,
            **({SIMULATED: True} if simulated else {}),
        }
        values = (key, rows.named(plan.name), policy, json.dumps(document(plan, about)), rows.named(who), now())
        with connected(self.path) as connection, transaction(connection):
            connection.execute(
                "INSERT INTO studies (study, name, state, policy, design, created_by, created_at) "
                "VALUES (?, ?, 'draft', ?, ?, ?, ?)",
                values,
            )
            for one in drawn.cases:
                row = (key, one.number, one.study_id, one.patient_id, int(one.abnormal), one.picture)
                connection.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?)", row)
                for source, text in one.texts.items():
                    rows.insert_text(connection, key, one.number, source, text)
        return self.study(key)

    def studies(self) -> list[Study]:
        """Return all studies, the last made first."""
        with connected(self.path) as connection:
            found = connection.execute("SELECT study FROM studies ORDER BY created_at DESC, rowid DESC").fetchall()
            return [rows.study_of(connection, one["study"]) for one in found]

    def study(self, key: str) -> Study:
        """Return one study.

        Raises:
            DataError: there is none.
        """
        with connected(self.path) as connection:
            return rows.study_of(connection, key)

    def cases(self, key: str) -> list[CaseRow]:
        """Return the cases of a study, for whoever has reports on them made elsewhere."""
        with connected(self.path) as connection:
            found = connection.execute("SELECT * FROM cases WHERE study = ? ORDER BY number", (key,)).fetchall()
        folder = self._pictures(key)
        return [
            CaseRow(one["number"], one["study_id"], one["patient_id"], bool(one["abnormal"]), folder / one["picture"])
            for one in found
        ]

    def add_source(self, key: str, source: str, texts: Mapping[str, str]) -> None:
        """Add reports that were made elsewhere: one for each case.

        Args:
            key: of a study that was not opened yet.
            source: what to call them; those of the same name are replaced.
            texts: study id -> report, with or without names of sections.

        Raises:
            ConfigError: the name is one of the run's own sources, or empty.
            DataError: a case has no report, or the study was opened.
        """
        source = rows.named(source)
        if not source or source in SOURCES:
            raise ConfigError(f"source {source!r}: expected a name of its own, not {', '.join(SOURCES)}")
        cases = self.cases(key)
        silent = [one.study_id for one in cases if not any(of_plain(texts.get(one.study_id, "")))]
        if silent:
            raise DataError(
                f"{source}: expected a report for each of {len(cases)} cases, found none for {len(silent)}, such as "
                f"{line(silent[0])}; add them to the table"
            )
        with connected(self.path) as connection, transaction(connection):
            rows.must_be(connection, key, "draft", "no reports can be added")
            connection.execute("DELETE FROM texts WHERE study = ? AND source = ?", (key, source))
            for one in cases:
                rows.insert_text(connection, key, one.number, source, of_plain(texts[one.study_id]))

    def open(self, key: str) -> Study:
        """Bring all reports into one shape, freeze the design and let readers in.

        Raises:
            DataError: there are fewer than two sources, a report says nothing once it is shaped, or the study was
                opened before.
        """
        study = self.study(key)
        if len(study.sources) < 2:
            raise DataError(f"{study.name}: expected two sources of reports or more, found {len(study.sources)}")
        with connected(self.path) as connection, transaction(connection):
            rows.must_be(connection, key, "draft", "it cannot be opened again")
            frozen = [self._frozen(connection, key, case, study.sources) for case in self.cases(key)]
            design = {**study.design, "cases": frozen, "num_sources": len(study.sources), "scales": _scales()}
            connection.execute(
                "UPDATE studies SET state = 'open', design = ?, sha256 = ?, opened_at = ? WHERE study = ?",
                (json.dumps(design), digest(design), now(), key),
            )
        return self.study(key)

    def _frozen(
        self, connection: sqlite3.Connection, key: str, case: CaseRow, sources: Sequence[str]
    ) -> dict[str, Any]:
        """Store the shape of a case's reports; return what fixes them without telling their sources."""
        told = shaped(rows.texts_of(connection, key, case.number))
        silent = sorted(set(sources) - set(told))
        if silent:
            raise DataError(f"case {case.number} ({line(case.study_id)}): {silent[0]} says nothing in plain sentences")
        for source, text in told.items():
            rows.show_text(connection, key, case.number, source, text)
        digests = sorted(digest({"text": list(text)}) for text in told.values())
        return {"number": case.number, "study_id": case.study_id, "picture": sha256(case.picture), "texts": digests}

    def close(self, key: str) -> Study:
        """Let no reader in any more; sources may then be named."""
        with connected(self.path) as connection, transaction(connection):
            rows.must_be(connection, key, "open", "it cannot be closed")
            connection.execute("UPDATE studies SET state = 'closed', closed_at = ? WHERE study = ?", (now(), key))
        return self.study(key)

    def unblind(self, key: str, who: str) -> Study:
        """Have the sources named before the study is closed; who and when is kept for good."""
        with connected(self.path) as connection:
            connection.execute(
                "UPDATE studies SET unblinded_by = ?, unblinded_at = ? WHERE study = ? AND unblinded_by IS NULL",
                (rows.named(who) or "somebody", now(), key),
            )
        return self.study(key)

    def progress(self, key: str) -> list[Progress]:
        """Return how far each reader is."""
        with connected(self.path) as connection:
            return rows.progress_of(connection, key)

    def rated(self, key: str) -> list[Rated]:
        """Return all ratings with their sources, as last corrected."""
        with connected(self.path) as connection:
            return rows.rated_of(connection, key)

    def shown(self, key: str) -> list[tuple[int, str, Shaped]]:
        """Return case, source and what readers see, of all reports of a study that was opened."""
        with connected(self.path) as connection:
            query = "SELECT number, source FROM texts WHERE study = ? ORDER BY number, source"
            found = connection.execute(query, (key,)).fetchall()
            return [(*one, rows.shown_text(connection, key, *one)) for one in found]

    def _pictures(self, key: str) -> Path:
        return self.folder / PICTURES / key


def _scales() -> list[dict[str, Any]]:
    return [{**one._asdict(), "levels": [list(level) for level in one.levels]} for one in scales()]
