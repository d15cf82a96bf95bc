import pytest

from medxpert.data.leaks import HeldOut, listed, settle_patients, shared_images
from medxpert.errors import DataError
from medxpert.words import Rejected, Study


def studies(*patients, split=""):
    return [Study(f"{split}{number}", patient, ()) for number, patient in enumerate(patients)]


def test_no_patient_in_two_splits():
    settled = settle_patients({"train": studies("a", "a", "b"), "test": studies("c")}, None)
    assert settled.shared == []
    assert settled.dropped == []
    assert [study.patient_id for study in settled.studies["train"]] == ["a", "a", "b"]


def test_unknown_patients_are_not_no_leak():
    assert settle_patients({"train": studies("", ""), "test": studies("")}, None).shared is None
    assert settle_patients({"train": studies("", "a"), "test": studies("")}, None).shared == []


LEAKY = {"train": studies("a", "b", "a"), "val": studies("c"), "test": studies("d", "a", split="t")}


@pytest.mark.parametrize("rule", [None, "fail"])
def test_patients_in_two_splits_fail_by_default(rule):
    with pytest.raises(
        DataError, match=r"^1 patients stand in more than one split \(a in train and test\); .*drop_train"
    ):
        settle_patients(LEAKY, rule)


def test_at_most_five_are_named():
    with pytest.raises(DataError, match=r"^7 patients .* 4 in train and test, \.\.\.\); correct"):
        settle_patients({"train": studies(*"0123456"), "test": studies(*"0123456")}, None)


def test_training_studies_of_shared_patients_are_dropped_and_listed():
    settled = settle_patients(LEAKY, "drop_train")
    assert [study.study_id for study in settled.studies["train"]] == ["1"]
    assert settled.dropped == [
        Rejected("0", "patient stands in another split", "patient a"),
        Rejected("2", "patient stands in another split", "patient a"),
    ]
    assert listed(settled.shared) == [{"name": "a", "splits": ["train", "test"], "studies": ["0", "2", "t1"]}]
    assert len(settled.studies["test"]) == 2


def test_patients_of_val_and_test_cannot_be_mended_by_dropping():
    leaky = {"train": studies("a"), "val": studies("b"), "test": studies("b")}
    for rule in (None, "drop_train"):
        with pytest.raises(DataError, match=r"cannot mend; correct the splits, or set data.on_leak=keep"):
            settle_patients(leaky, rule)
    assert [one.splits for one in settle_patients(leaky, "keep").shared] == [("val", "test")]


def test_keep_keeps_and_tells():
    settled = settle_patients(LEAKY, "keep")
    assert len(settled.studies["train"]) == 3
    assert [one.name for one in settled.shared] == ["a"]


@pytest.mark.parametrize(("rule", "reason"), [(None, "image stands in another split"), ("keep", None)])
def test_held_out_images(rule, reason):
    held_out = HeldOut(rule)
    held_out.add("test", ["aa", "bb"])
    (study,) = studies("p")
    assert held_out.fault(study, ["cc"]) is None
    fault = held_out.fault(study, ["cc", "bb"])
    assert (fault and fault.reason) == reason
    assert held_out.hashes == ["aa", "bb"]
    assert held_out.settings == [rule, [("aa", "test"), ("bb", "test")]]


def test_held_out_images_fail_where_the_user_says():
    held_out = HeldOut("fail")
    held_out.add("val", ["aa"])
    with pytest.raises(DataError, match="study 0 of train has an image that is identical to one of val"):
        held_out.fault(studies("p")[0], ["aa"])


def test_images_in_two_splits_are_found():
    found = shared_images(
        {"train": [("x", "1"), ("x", "2"), ("y", "3")], "val": [("z", "4")], "test": [("x", "5")]}, None
    )
    assert [tuple(one) for one in found] == [("x", ("train", "test"), ("1", "2", "5"))]
