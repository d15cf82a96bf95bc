"""Under which policy this session's own images are, as their user said, the same on every screen."""

from __future__ import annotations

import streamlit as st

from medxpert.app.opening import settings
from medxpert.app.uploads import Kept
from medxpert.words import Policy

_SAID = "policies"


def policy_of(kept: Kept) -> Policy:
    """Return the policy of an upload: what its user said of it, else that of the settings."""
    policy: Policy = st.session_state.get(_SAID, {}).get(kept.sha256, settings().policy)
    return policy


def say_policy(kept: Kept, policy: Policy) -> None:
    """Take down what a user says of an upload."""
    st.session_state.setdefault(_SAID, {})[kept.sha256] = policy
