"""Whose review a download tells."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from documents.samples import REPORT

from medxpert.app.editing import downloading
from medxpert.exchange import Exported
from medxpert.reviewing import Decision, Review

EXPORTED = Exported(REPORT, None, None)


def test_a_saved_review_stays_theirs_who_saved_it(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(downloading, "settings", lambda: SimpleNamespace(folder=tmp_path))
    monkeypatch.setattr(downloading.access, "user", lambda: downloading.access.User("Bob", False))
    saved = Review((Decision("accepted"), *[Decision()] * (len(REPORT.findings) - 1)))
    signed = downloading.Signed(saved, "Ann", datetime(2026, 1, 2, tzinfo=UTC))
    for review in (saved, replace(saved, note="mine")):
        downloading._made(EXPORTED, review, lambda exported, folder: told.append(exported.report) or (), signed)

    assert [one.provenance["review"]["who"] for one in told] == ["Ann", "Bob"]
    assert told[0].provenance["review"]["when"].startswith("2026-01-02")
