import pytest

from medxpert.app.credentials import check, drawn, equal, only, recalled, signed
from medxpert.errors import ConfigError

OWNER, TOKEN = "0123456789abcdef" * 2, "a token of this server"
HERE = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


def test_the_token_is_drawn_once_and_long_enough():
    assert drawn() == drawn()
    assert len(drawn()) >= 32
    check("X-Forwarded-User", drawn())


@pytest.mark.parametrize(
    ("header", "token", "told"),
    [
        (None, "", "token: expected at least 16 letters, found 0"),
        (None, "short", "token: expected at least 16 letters, found 5"),
        ("", None, "user_header: expected the name of a header such as X-Forwarded-User, found ''"),
        ("X-User: me", None, "user_header: expected"),
    ],
)
def test_what_would_vouch_for_anybody_is_refused(header, token, told):
    with pytest.raises(ConfigError, match=told):
        check(header, token)


def test_equal():
    assert equal("größer", "größer")
    assert not equal("", "a")
    assert not equal("\ud800", "a")


def test_a_signed_cookie_proves_its_owner_and_holds_no_token():
    cookie = signed(OWNER, TOKEN)
    assert recalled(cookie, TOKEN, HERE) == OWNER
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    ("cookie", "token", "headers"),
    [
        ("", TOKEN, HERE),
        (OWNER, TOKEN, HERE),
        (f"{OWNER}.", TOKEN, HERE),
        (signed(OWNER, TOKEN), "the token of the server before", HERE),
        (signed("f" * 32, TOKEN).replace("f" * 32, OWNER), TOKEN, HERE),
        (signed("../../x", TOKEN), TOKEN, HERE),
        (signed(OWNER, TOKEN), TOKEN, HERE | {"Origin": "http://localhost:9999"}),
        (signed(OWNER, TOKEN), TOKEN, {"Host": "localhost:8501"}),
        (signed(OWNER, TOKEN), TOKEN, {}),
    ],
)
def test_no_other_cookie_proves_anything(cookie, token, headers):
    assert recalled(cookie, token, headers) == ""


def test_a_header_that_was_sent_twice_names_nobody():
    assert only(["Ada"]) == "Ada"
    assert only(["mallory", "Ada"]) == only([]) == ""
