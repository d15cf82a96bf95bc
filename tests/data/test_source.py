import inspect
from functools import partial

import pytest

from medxpert.data.source import on_leak_of, source
from medxpert.data.survey import survey
from medxpert.errors import ConfigError, DataError
from medxpert.words import Rejected, Study


@source
def read(split: str, count: int = 3, fields: dict | None = None):
    """Yield studies of one patient each."""
    if count < 1:
        raise ConfigError("data.count must be at least 1")
    return _items(split, count, fields or {})


def _items(split, count, fields):
    for number in range(count):
        yield Rejected(f"{split}{number}", "no image")
        yield Study(f"{split}{number}", f"{split}{number}", (), **{"findings": "No pneumothorax."} | fields)


def test_a_reader_shows_its_own_arguments_and_the_shared_ones():
    names = list(inspect.signature(read).parameters)
    assert names[:2] == ["split", "count"]
    assert set(names) >= {"on_leak", "remove_priors", "label_texts", "limit"}
    assert read.__doc__ == "Yield studies of one patient each."


def test_wrong_arguments_are_refused_when_called():
    with pytest.raises(ConfigError, match="at least 1"):
        read("train", count=0)
    with pytest.raises(ConfigError, match=r"data.limit=0 must be at least 1"):
        read("train", limit=0)


def test_reports_without_labels_are_labelled_by_rules():
    (study,) = [item for item in read("train", 1) if isinstance(item, Study)]
    assert study.labels["Pneumothorax"] == 0
    assert None not in study.labels.values()


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ({"label_texts": False}, {}),
        ({"fields": {"labels": {"Edema": 1}}}, {"Edema": 1}),
        ({"fields": {"text_kind": "prompt"}}, {}),
    ],
)
def test_labels_that_are_there_or_not_wanted(arguments, labels):
    (study,) = [item for item in read("train", 1, **arguments) if isinstance(item, Study)]
    assert study.labels == labels


def test_references_to_earlier_studies_go_where_wanted():
    told = "Compared with the prior study, there is a new left effusion."
    kept, removed = (
        next(item for item in read("train", 1, {"findings": told}, remove_priors=wanted) if isinstance(item, Study))
        for wanted in (False, True)
    )
    assert kept.findings == told
    assert "left effusion" in removed.findings
    assert "prior" not in removed.findings


def test_limit_counts_studies():
    items = list(read("train", 5, limit=2))
    assert [type(item) for item in items] == [Rejected, Study, Rejected, Study]


def test_what_to_do_about_leaks_is_read_from_bound_arguments():
    assert on_leak_of(partial(read, on_leak="keep")) == "keep"
    assert on_leak_of(partial(read)) is None
    assert on_leak_of(read) is None


def test_survey_reads_every_split():
    found = survey(partial(read, count=2))
    assert {split: [study.study_id for study in own] for split, own in found.studies.items()} == {
        split: [f"{split}0", f"{split}1"] for split in ("train", "val", "test")
    }
    assert [item.where for item in found.rejected["val"]] == ["val0", "val1"]
    assert found.patients == []


def test_survey_settles_patients_as_the_reader_was_told():
    @source
    def leaky(split):
        owners = {"train": ("p0", "p1"), "val": ("p2",), "test": ("p0",)}[split]
        return (Study(f"{split}{number}", owner, (), "Clear.") for number, owner in enumerate(owners))

    with pytest.raises(DataError, match="1 patients stand in more than one split"):
        survey(leaky)
    found = survey(partial(leaky, on_leak="drop_train"))
    assert [study.study_id for study in found.studies["train"]] == ["train1"]
    assert [item.where for item in found.rejected["train"]] == ["train0"]
