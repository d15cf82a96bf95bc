"""What surrounds every screen."""

import pytest


def test_an_unknown_key_is_one_line_on_the_screen(screen):
    drawn = screen("runs", "tokn=1")

    assert [one.value.replace("\\", "") for one in drawn.error] == ["tokn: unknown key; did you mean 'token'?"]
    assert not drawn.exception


@pytest.mark.parametrize("hostile", ["![x](http://evil.invalid/x.png)", ":material/error: $x$ [a](b)"])
def test_an_error_that_repeats_what_was_typed_is_no_markup(screen, hostile):
    drawn = screen("runs", f"run={hostile}")

    (error,) = drawn.error
    assert hostile in error.value.replace("\\", "")
    assert not any(pair in error.value for pair in ("![", "](", " :", " $"))
