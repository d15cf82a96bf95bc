"""Who uses the app, and what they may see: studies that are not open are for authenticated sessions only.

As notebook servers do it: a token is drawn when the server starts, and whoever can read the terminal can open the
address that bears it. Behind an authenticating proxy there is no token; the header counts that the proxy sets, and no
header is believed unless the operator has named it.
"""

from __future__ import annotations

import hashlib
import re
from secrets import token_hex
from typing import NamedTuple

import streamlit as st
from streamlit import config

from medxpert.app import credentials
from medxpert.app.content import one_line
from medxpert.app.opening import settings
from medxpert.words import Policy

MOST_LETTERS = 60
"""Of a user's name."""
_NAME, _TYPED, _VOUCHED, _OWNER = "access.name", "access.typed", "access.authenticated", "access.owner"
_PASTED, _REFUSED, _REMEMBERED = "access.pasted", "access.refused", "access.remembered"
_COOKIE_SECONDS = 12 * 3600
_REMEMBER = "<script>document.cookie = '{}={}; path=/; max-age={}; SameSite=Strict'</script>"
_SHUT = (
    "This run holds studies that are {}; they, and what rests on them, are for authenticated sessions only. Open the "
    "address with the token that was printed when the app was started, or choose another run."
)
_WRONG = "That is not this server's token: take it from the address that the terminal shows, and paste it again."


class User(NamedTuple):
    """Who sits before the browser.

    Attributes:
        name: as the proxy says, else as typed; "" where nobody said.
        authenticated: whether a proxy or the token vouches for this session.
    """

    name: str
    authenticated: bool


def user() -> User:
    """Return the user of this session.

    Raises:
        ConfigError: user_header= or token= cannot be honoured.
    """
    if header := _header():
        name = _named_by(header)
        return User(name, name != "")
    return User(str(st.session_state.get(_NAME, "")), st.session_state.get(_VOUCHED) is True)


def may_see(policy: Policy) -> bool:
    """Tell whether this session may see studies of a policy."""
    return policy == "open" or user().authenticated


def shut(policy: Policy) -> bool:
    """Tell whether a screen stays closed to this session, since its run is under a policy that it may not see."""
    closed = not may_see(policy)
    if closed:
        st.warning(_SHUT.format(policy), icon=":material/lock:")
    return closed


def owner() -> str:
    """Return an id of this session, by which what it saved can be told: 32 hex digits, drawn by chance.

    A session that the token vouches for has the same one after its page is reloaded; a user whom a proxy names has one
    for all sessions.
    """
    if (header := _header()) and (name := _named_by(header)):
        return hashlib.sha256(name.encode()).hexdigest()[:32]
    return str(st.session_state.setdefault(_OWNER, token_hex(16)))


def enter() -> None:
    """Take the token of the address, if there is one, and take it out of the address.

    Raises:
        ConfigError: user_header= or token= cannot be honoured.
    """
    header = _header()
    credentials.announce(header is None and settings().token is None)
    given = st.query_params.get(credentials.TOKEN)
    if given is not None:
        del st.query_params[credentials.TOKEN]
    if header:
        return
    if given is not None:
        _try(given)
    elif _VOUCHED not in st.session_state:
        _recall()
    if st.session_state.get(_VOUCHED) is True and _REMEMBERED not in st.session_state:
        _remember()


def sidebar() -> None:
    """Show who the user is; without a proxy, let them name themselves and paste the token."""
    now = user()
    if _header():
        st.text(f"Signed in as {now.name}" if now.authenticated else "Not signed in: the proxy names nobody")
        return
    icon = ":material/lock_open:" if now.authenticated else ":material/person:"
    with st.expander(_plain(now.name) or "You", icon=icon):
        st.session_state.setdefault(_TYPED, now.name)
        st.text_input("Your name", key=_TYPED, max_chars=MOST_LETTERS, on_change=take_name, args=(_TYPED,))
        if now.authenticated:
            st.caption("Signed in with the token")
            return
        st.text_input("Token", key=_PASTED, type="password", on_change=_take_token)
        refused = st.session_state.get(_REFUSED)
        st.caption(_WRONG if refused else "Opens what is not open to all; the terminal shows it at the start")


def name_of(typed: str) -> str:
    """Return a name as one short line without anything invisible; "" where nothing is left."""
    return one_line(typed)[:MOST_LETTERS].strip()


def take_name(key: str) -> None:
    """Let a user be called as they typed into a widget; for its `on_change`, since the side bar shows it, too."""
    st.session_state[_NAME] = st.session_state[_TYPED] = name_of(st.session_state[key])


def _take_token() -> None:
    _try(st.session_state[_PASTED].strip())
    st.session_state[_PASTED] = ""


def _try(given: str) -> None:
    """Vouch for this session where the token is right; a wrong one takes nothing away."""
    right = credentials.equal(given, _token())
    st.session_state[_REFUSED] = not right and given != ""
    if right:
        st.session_state[_VOUCHED] = True


def _plain(name: str) -> str:
    """Escape what markdown, which labels are, would read as more than text."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", name)


def _header() -> str | None:
    now = settings()
    credentials.check(now.user_header, now.token)
    return now.user_header


def _token() -> str:
    now = settings()
    credentials.check(now.user_header, now.token)
    return now.token or credentials.drawn()


def _named_by(header: str) -> str:
    return name_of(credentials.only(st.context.headers.get_all(header)))


def _cookie() -> str:
    return f"medxpert-{config.get_option('server.port')}"


def _remember() -> None:
    """Have the browser show, when the page is reloaded, that the token was right once."""
    st.session_state[_REMEMBERED] = True
    text = _REMEMBER.format(_cookie(), credentials.signed(owner(), _token()), _COOKIE_SECONDS)
    st.html(text, unsafe_allow_javascript=True)


def _recall() -> None:
    kept = st.context.cookies.get(_cookie(), "")
    found = credentials.recalled(kept, _token(), st.context.headers) if isinstance(kept, str) else ""
    st.session_state[_VOUCHED] = found != ""
    if found:
        st.session_state[_OWNER] = found
