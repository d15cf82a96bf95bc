import pytest

from medxpert.captioners.readable import readable


@pytest.mark.parametrize(
    "caption", ["", "  ", "...", "Effusion.", "no no no", "a b " * 9, "Small left left left left."]
)
def test_unreadable(caption):
    assert readable(caption) == ""


@pytest.mark.parametrize(
    "caption", ["No effusion.", "Left chest tube. No left effusion.", "No effusion, no pneumothorax, no edema."]
)
def test_readable(caption):
    assert readable(caption) == caption
