"""One opened run for all sessions, for as long as nothing is written there."""

import sys

import pytest
import streamlit as st

from medxpert.app.opening import opened
from medxpert.folders import read_json, write_json


@pytest.mark.parametrize("name", ["index/manifest.json", "provenance.json"])
def test_a_run_is_opened_anew_when_it_was_written_again(copied_run, tmp_path, monkeypatch, name):
    monkeypatch.setattr(sys, "argv", ["main.py", f"folder={tmp_path / 'app'}", f"run={copied_run}"])
    try:
        first = opened()
        assert opened() is first
        write_json(copied_run / name, read_json(copied_run / name) | {"finished": "later"})
        second = opened()
        assert second is not first
        assert second.state != first.state
        assert opened() is second
    finally:
        st.cache_resource.clear()
