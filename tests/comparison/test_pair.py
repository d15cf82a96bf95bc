import pytest

from medxpert.comparison.pair import Seen, check_pair
from medxpert.errors import DataError
from medxpert.images.header import DicomHeader

PATIENT = "Nobody could check that both images are of one patient."
ORDER = "Nobody could check that the prior image is the earlier one."
VIEWS = "The two images are of different projections, which changes how findings look."


def seen(content, name="a.dcm", **header):
    return Seen(DicomHeader(**header), content, name)


NOW = seen("x", "now.dcm", patient_id="Quixote-17", taken="20210304112233", instance_uid="1.2.3", view="PA")
BEFORE = seen("y", "old.dcm", patient_id="Quixote-17", taken="20210301080000", instance_uid="1.2.4", view="PA")


def earlier(**changes):
    return BEFORE._replace(header=BEFORE.header._replace(**changes))


@pytest.mark.parametrize(
    ("before", "sentences"),
    [
        (BEFORE, ()),
        (earlier(patient_id=""), (PATIENT,)),
        (earlier(taken=""), (ORDER,)),
        (earlier(taken="20210304"), (ORDER,)),
        (earlier(taken="20210303"), ()),
        (earlier(taken="2021030411"), (ORDER,)),
        (earlier(taken="20210304112233"), (ORDER,)),
        (earlier(instance_uid=""), ()),
        (earlier(view="AP"), (VIEWS,)),
        (earlier(view=""), ()),
        (seen("y", "old.png"), (PATIENT, ORDER)),
    ],
)
def test_what_nobody_could_check_is_said(before, sentences):
    assert check_pair(NOW, before) == sentences


def test_two_pictures_without_headers():
    assert check_pair(seen("x", "now.png"), seen("y", "old.png")) == (PATIENT, ORDER)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (earlier(patient_id="Panza-18"), "the two headers name different patients"),
        (earlier(taken="20210304112234"), "the prior image is newer than the current one; swap image= and prior="),
        (earlier(taken="20210305"), "swap image= and prior="),
        (earlier(instance_uid="1.2.3"), "found one image twice"),
        (seen("x", "old.png"), "found one image twice"),
        (earlier(patient_id="Panza-18", taken="20220101"), "different patients"),
    ],
)
def test_images_that_cannot_be_compared(before, message):
    with pytest.raises(DataError, match=message) as caught:
        check_pair(NOW, before)
    said = str(caught.value)
    assert "\n" not in said
    assert "image=now.dcm prior=old." in said
    assert not [word for word in ("Quixote", "Panza", "2021", "2022", "1.2.") if word in said]
