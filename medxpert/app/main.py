"""The app: see, search, ask, compare, listen.

$ ./dev.sh app
$ streamlit run medxpert/app/main.py -- run=latest
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import streamlit as st

from medxpert.app.frame import framed

_ICON, _LOGO = (str(Path(__file__).with_name(f"{name}.png")) for name in ("icon", "logo"))
_FIRST = "diagnose"
_SCREENS = {
    "diagnose": ("Diagnose", ":material/radiology:"),
    "search": ("Search", ":material/search:"),
    "ask": ("Ask", ":material/forum:"),
    "compare": ("Compare", ":material/compare:"),
    "reports": ("Reports", ":material/description:"),
    "runs": ("Runs", ":material/insights:"),
    "reader_study": ("Reader study", ":material/groups:"),
}


def _screen(name: str) -> Callable[[], None]:
    def draw() -> None:
        # a screen loads what it needs when somebody opens it
        import_module(f"medxpert.app.screens.{name}").page()

    return draw


def main() -> None:
    """Draw the screen that the address names."""
    st.set_page_config(page_title="MedXpert", page_icon=_ICON, layout="wide")
    st.logo(_LOGO, size="large", icon_image=_ICON)
    pages = [
        st.Page(
            _screen(name), title=title, icon=icon, url_path=name if name != _FIRST else "start", default=name == _FIRST
        )
        for name, (title, icon) in _SCREENS.items()
    ]
    # the first screen stands at the root; this is for those who write its name
    pages.append(st.Page(_screen(_FIRST), title="Diagnose", url_path=_FIRST, visibility="hidden"))
    framed(st.navigation(pages).run)


main()
