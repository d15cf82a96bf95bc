"""Cases are drawn with their pictures and reports; those of which a source says nothing are replaced."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from medxpert.cases import Cases
from medxpert.errors import DataError
from medxpert.ontology import MISSING, OBSERVATIONS
from medxpert.rating.design import Plan
from medxpert.rating.drawing import Drawing
from medxpert.rating.shaping import Text
from medxpert.reporting import Finding, Report
from medxpert.words import Rejected, Study

SPLIT, PATIENTS = "test", 8
EDEMA = OBSERVATIONS.index("Edema")


def _jpeg(level):
    held = io.BytesIO()
    PIL.Image.fromarray(np.full((8, 8), level, np.uint8)).save(held, "JPEG")
    return held.getvalue()


@pytest.fixture
def run():
    """Return a run of eight patients with a study each, every other one abnormal."""
    count = range(PATIENTS)
    columns = {
        "study_id": [f"s{number}" for number in count],
        "patient_id": [f"p{number}" for number in count],
        "text": [f"Own section {number}." for number in count],
        "section": ["findings"] * PATIENTS,
        "policy": ["open"] * PATIENTS,
        "labels": [[1 if one == EDEMA and number % 2 else MISSING for one in range(14)] for number in count],
        "thumbnail": [_jpeg(20 * number) for number in count],
    }
    cases = Cases.of(columns, Path("none"))
    return SimpleNamespace(policy="open", embeddings=lambda split: SimpleNamespace(cases=cases))


class Assistant:
    """Drafts a report on any picture but those of some grey levels; the nearest case is always the same."""

    def __init__(self, refused=()):
        self.refused, self.asked = refused, []
        texts = {"study_id": ["t0"], "text": ["Nearest section."], "section": ["impression"]}
        self.gallery = SimpleNamespace(cases=Cases.of(texts, Path("none")))

    def under(self, policy):
        assert policy == "open"
        return self

    def ask_image(self, path, shown):
        level = int(np.asarray(PIL.Image.open(path)).mean())
        self.asked.append(shown)
        if any(abs(level - one) < 3 for one in self.refused):
            report = Report("", "", (), (), (), (), "none", abstained=True, abstain_reason="strange")
            return SimpleNamespace(report=report, hits=())
        report = Report("", "", (Finding("Edema", "present", "Drafted."),), ("In short.",), (), (), "template")
        return SimpleNamespace(report=report, hits=[SimpleNamespace(row=0)])


def _study(flat, number, name="s"):
    return Study(f"{name}{number}", f"p{number}", (flat(200 + number),), f"Whole {name}{number}.", "Its impression.")


def test_without_the_data_set_thumbnails_and_sections_stand_in_and_it_is_told(run, tmp_path):
    assistant = Assistant()
    draw = Drawing(run, assistant).draw(Plan("x", num_cases=4, abnormal_share=0.5), tmp_path)

    assert [one.number for one in draw.cases] == [1, 2, 3, 4]
    assert sum(one.abnormal for one in draw.cases) == 2
    assert len({one.patient_id for one in draw.cases}) == 4
    assert "4 of 4 pictures are the run's thumbnails" in draw.told[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"case_{one:03d}.png" for one in range(1, 5)]
    for one in draw.cases:
        number = int(one.study_id[1:])
        pixels = np.asarray(PIL.Image.open(tmp_path / one.picture))
        assert pixels.mean() == pytest.approx(20 * number, abs=2)
        assert one.texts == {
            "reference": Text(f"Own section {number}.", ""),
            "assistant": Text("Drafted.", "In short."),
            "nearest": Text("", "Nearest section."),
        }


def test_the_nearest_case_is_a_training_study_of_another_patient(run, tmp_path):
    assistant = Assistant()
    draw = Drawing(run, assistant).draw(Plan("x", num_cases=2), tmp_path)

    assert {(one.match, one.where.split) for one in assistant.asked} == {("image", "train")}
    assert {one.where.exclude_patient for one in assistant.asked} == {one.patient_id for one in draw.cases}


def test_the_data_set_gives_whole_reports_and_pictures(run, tmp_path, flat):
    def reader(split):
        yield Rejected("row 1", "broken")
        if split == "train":
            yield _study(flat, 0, "t")
        else:
            yield from (_study(flat, number) for number in range(PATIENTS))

    draw = Drawing(run, Assistant(), reader).draw(Plan("x", num_cases=4), tmp_path)

    assert draw.told == ()
    for one in draw.cases:
        assert one.is_original
        assert one.texts["reference"] == Text(f"Whole {one.study_id}.", "Its impression.")
        assert one.texts["nearest"] == Text("Whole t0.", "Its impression.")
        assert np.asarray(PIL.Image.open(tmp_path / one.picture)).max() == 200 + int(one.study_id[1:])


def test_who_cannot_be_reported_on_is_replaced_and_counted(run, tmp_path):
    plan = Plan("x", num_cases=4, abnormal_share=0.5, seed=1)
    first = Drawing(run, Assistant()).draw(plan, tmp_path)
    refused = int(first.cases[0].study_id[1:])
    again = tmp_path / "again"
    again.mkdir()
    draw = Drawing(run, Assistant([20 * refused])).draw(plan, again)

    assert f"s{refused}" not in {one.study_id for one in draw.cases}
    assert sum(one.abnormal for one in draw.cases) == 2
    assert draw.told[-1] == "left out and replaced by other patients: 1 (nothing by assistant)"
    assert len(list(again.iterdir())) == 4


def test_too_few_usable_cases_are_refused(run, tmp_path):
    with pytest.raises(DataError, match=r"gives 0 usable cases of 4; .* 4 \(nothing by assistant\)"):
        Drawing(run, Assistant(range(0, 160, 20))).draw(Plan("x", num_cases=8, abnormal_share=0.5), tmp_path)


def test_the_same_seed_draws_the_same_cases(run, tmp_path):
    def drawn(seed, name):
        (tmp_path / name).mkdir()
        draw = Drawing(run, Assistant()).draw(Plan("x", num_cases=4, seed=seed), tmp_path / name)
        return [one.study_id for one in draw.cases]

    assert drawn(5, "a") == drawn(5, "b")
    assert drawn(5, "c") != drawn(6, "d")
