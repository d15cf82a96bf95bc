"""A study in a folder, made without a run: two sources, a few cases, any ratings."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from medxpert.cases import Cases
from medxpert.rating.design import Plan
from medxpert.rating.drawing import Draw, Drawn
from medxpert.rating.record import Given, Rated, Study
from medxpert.rating.shaping import Text
from medxpert.rating.store import Studies


class Made:
    """Draws cases that say what they are."""

    def __init__(self, num_cases: int) -> None:
        self.num_cases = num_cases
        self.run = SimpleNamespace(path=Path("a-run"), policy="open", provenance={}, embeddings=self._embeddings)
        self.assistant = SimpleNamespace(gallery=SimpleNamespace(policy="open"), under=lambda policy: self.assistant)
        self.assistant.made_with = lambda: {"reporter": "template"}

    def _embeddings(self, split: str) -> SimpleNamespace:
        return SimpleNamespace(cases=Cases.of({"study_id": ["s"], "policy": ["open"]}, Path("none")))

    def draw(self, plan: Plan, folder: Path) -> Draw:
        cases = []
        for number in range(1, self.num_cases + 1):
            name = f"case_{number:03d}.png"
            PIL.Image.fromarray(np.full((8, 8), number, np.uint8)).save(folder / name)
            texts = {one: Text(f"{one} {number} says this.", "") for one in plan.sources}
            cases.append(Drawn(number, f"s{number}", f"p{number}", number % 2 == 0, name, True, texts))
        return Draw(tuple(cases), ("drawn by a test",))


@pytest.fixture
def made() -> type[Made]:
    """Return the class of what draws."""
    return Made


@pytest.fixture
def studies(tmp_path: Path) -> Studies:
    return Studies(tmp_path / "reader_studies")


@pytest.fixture
def draft(studies: Studies) -> Callable[..., Study]:
    """Return what makes a draft: `draft(num_cases=3, repeat_share=0)`."""

    def make(num_cases: int = 3, **plan: object) -> Study:
        values = {"name": "A study", "num_cases": num_cases, "sources": ("reference", "assistant")} | plan
        return studies.create(Plan(**values), Made(num_cases), "Coordinator")

    return make


@pytest.fixture
def study(studies: Studies, draft: Callable[..., Study]) -> Study:
    """Return an open study of three cases and two sources, without repetitions."""
    return studies.open(draft(repeat_share=0.0).key)


@pytest.fixture
def given() -> Callable[..., Given]:
    """Return what makes a rating: `given(correctness=2)`."""

    def make(comment: str = "", seconds: float = 20.0, **told: int) -> Given:
        whole = {"correctness": 4, "completeness": 4, "harm": 1, "sign": 2} | told
        return Given(whole, comment, "2026-01-01T00:00:00.000+00:00", seconds)

    return make


@pytest.fixture
def rated() -> Callable[..., Rated]:
    """Return what makes a rating with its source: `rated("A", 1, "assistant", correctness=2)`."""

    def make(reader: str, case: int, source: str, repeated: bool = False, **more: float) -> Rated:
        told = {"correctness": 4, "completeness": 4, "harm": 1, "sign": 2}
        told |= {name: value for name, value in more.items() if name in told}
        rest = {"seconds": 20.0, "silent_seconds": 3.0, "views": 1} | {
            name: value for name, value in more.items() if name not in told
        }
        return Rated(
            reader=reader,
            place=1,
            case=case,
            study_id=f"s{case}",
            patient_id=f"p{case}",
            abnormal=True,
            source=source,
            repeated=repeated,
            told=told,
            comment="",
            shown_at="",
            submitted_at="",
            paused_seconds=0.0,
            corrections=0,
            **rest,
        )

    return make
