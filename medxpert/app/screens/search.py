"""Similar cases by a text, an image or both, typed or spoken: as cards, as a table, on a map."""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

from medxpert.app import access
from medxpert.app.opening import Opened, opened
from medxpert.app.searching import asking, choosing, results
from medxpert.searching.describe import Described, describe
from medxpert.words import POLICIES

_STYLE = f"<style>{files('medxpert.app.searching').joinpath('search.css').read_text(encoding='utf-8')}</style>"
_CLOSED = (
    "No case of this run is open; others are for authenticated sessions only. Open the address with the token that was "
    "printed when the app was started, or choose another run."
)
_PARTLY = "{:,} cases that are not open are not searched: they are for authenticated sessions only."
_HINTS = """<div class="mx-hints">
<section><h3>By words</h3><p>Write what you look for as a report would: finding, side, size. Deny it to find its
absence.</p></section>
<section><h3>By an image</h3><p>Drop a radiograph under Image, or take the one that other screens are on. With words
beside it, a slider weighs the two.</p></section>
<section><h3>By voice</h3><p>Say a finding under Speak. You read and mend what was heard before it runs.</p></section>
</div>"""


def page() -> None:
    """Draw the screen."""
    st.html(_STYLE)
    st.title("Search", anchor=False)
    now = opened()
    told = describe(now.assistant.gallery.cases)
    closed = sum(told.counted(policy) for policy in POLICIES if not access.may_see(policy))
    if closed and not told.counted("open"):
        st.warning(_CLOSED, icon=":material/lock:")
        return
    asked = asking.ask(now.run.policy)
    if closed:
        st.caption(_PARTLY.format(closed))
    if not asked:
        _invite(now)
        return
    _search(now, asked, told, "open" if closed else None)


def _search(now: Opened, asked: asking.Asked, told: Described, policy: str | None) -> None:
    wanted = choosing.choose(asked, told, policy)
    results.show(now, asked, results.found(now, asked, wanted))


def _invite(now: Opened) -> None:
    """Say what can be done here, and offer the map of all cases."""
    st.html(_HINTS)
    if st.toggle("Show the map of all cases", key="search.whole"):
        # the library that draws it takes a moment that no other screen needs
        from medxpert.app.searching import plot

        plot.show(now, None)
