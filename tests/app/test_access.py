from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.context import StreamlitHeaders
from streamlit.testing.v1 import AppTest

from medxpert.app import access, credentials
from medxpert.app.opening import Settings

_SCRIPT = """
import streamlit as st
from medxpert.app import access
access.enter()
with st.sidebar:
    access.sidebar()
now = access.user()
st.text(f"{now.name}|{now.authenticated}|{access.may_see('private')}|{access.may_see('open')}")
st.text(access.owner())
"""


class Context:
    """What a browser's request brings along."""

    def __init__(self, headers=(), cookies=None):
        self.headers = StreamlitHeaders(headers)
        self.cookies = cookies or {}


@pytest.fixture
def session(monkeypatch):
    """Return what opens a page for a new session."""

    # AppTest would read the metadata of all installed packages for every page
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)

    def draw(user_header=None, chosen=None, token=None, headers=(), cookies=None):
        now = Settings("latest", Path("app"), "private", 6, 64, 64, user_header, chosen)
        monkeypatch.setattr(access, "settings", lambda: now)
        monkeypatch.setattr(st, "context", Context(headers, cookies))
        page = AppTest.from_string(_SCRIPT, default_timeout=30)
        if token is not None:
            page.query_params["token"] = token
        return page.run()

    return draw


def told(page):
    assert not page.exception
    return next(one.value for one in page.main.text)


def owner(page):
    return page.main.text[1].value


def test_without_the_token_only_what_is_open_is_seen(session):
    assert told(session()) == "|False|False|True"
    assert told(session(token="wrong")) == "|False|False|True"
    assert told(session(token="")) == "|False|False|True"


def test_the_token_of_the_address_vouches_and_leaves_it(session):
    page = session(token=credentials.drawn())
    assert told(page) == "|True|True|True"
    assert "token" not in page.query_params
    assert told(page.run()) == "|True|True|True"


def test_the_operators_own_token_replaces_the_drawn_one(session):
    assert told(session(chosen="sixteen-letters!", token="sixteen-letters!")).split("|")[1] == "True"
    assert told(session(chosen="sixteen-letters!", token=credentials.drawn())).split("|")[1] == "False"


def test_a_pasted_token(session):
    page = session()
    page.text_input(key="access.pasted").set_value("wrong").run()
    assert "not this server's token" in page.sidebar.caption[0].value
    assert told(page) == "|False|False|True"
    page.text_input(key="access.pasted").set_value(f" {credentials.drawn()} ").run()
    assert told(page) == "|True|True|True"
    assert credentials.drawn() not in str(page.main) + str(page.sidebar)


def test_a_typed_name_is_one_short_line_and_no_markup(session):
    page = session()
    page.text_input(key="access.typed").set_value("Dr [x](http://e) **Who**\u202e").run()
    assert told(page) == "Dr [x](http://e) **Who**|False|False|True"
    assert page.sidebar.expander[0].label == r"Dr \[x\]\(http\:\/\/e\) \*\*Who\*\*".replace(r"\/", "/")


def test_no_header_is_believed_unless_the_operator_named_it(session):
    headers = [("X-Forwarded-User", "mallory"), ("Remote-User", "mallory")]
    assert told(session(headers=headers)) == "|False|False|True"


def test_behind_a_proxy_its_header_names_the_user_and_no_token_counts(session):
    proxied = "X-Forwarded-User"
    page = session(proxied, headers=[("x-forwarded-user", "Ada\u202e  Lovelace")])
    assert told(page) == "Ada Lovelace|True|True|True"
    assert owner(page) == owner(session(proxied, headers=[("X-Forwarded-User", "Ada Lovelace")]))
    assert told(session(proxied, token=credentials.drawn())) == "|False|False|True"
    twice = [("X-Forwarded-User", "mallory"), ("X-Forwarded-User", "Ada")]
    assert told(session(proxied, headers=twice)) == "|False|False|True"
    assert not page.text_input


def test_a_reloaded_page_is_recalled_by_its_cookie(session):
    page = session(token=credentials.drawn())
    cookies = {"medxpert-8501": credentials.signed(owner(page), credentials.drawn())}
    here = [("Host", "localhost:8501"), ("Origin", "http://localhost:8501")]
    again = session(cookies=cookies, headers=here)
    assert told(again) == "|True|True|True"
    assert owner(again) == owner(page)
    assert told(session(cookies=cookies, headers=[here[0], ("Origin", "http://localhost:9999")])).startswith("|False")


def test_sessions_have_owners_of_their_own(session):
    page = session()
    assert owner(page) == owner(page.run())
    assert len({owner(session()) for _ in range(3)}) == 3


def test_the_terminal_is_told_once(session, capsys):
    credentials.announce.cache_clear()
    session()
    session()
    err = capsys.readouterr().err
    assert err.count("MedXpert: http") == 1
    assert f"?token={credentials.drawn()}" in err
    credentials.announce.cache_clear()
    session(chosen="sixteen-letters!")
    err = capsys.readouterr().err
    assert "MedXpert: http" in err
    assert "token" not in err


def test_a_short_token_is_a_fault_of_the_operator(session):
    page = session(chosen="short")
    assert "expected at least 16 letters" in page.exception[0].message
