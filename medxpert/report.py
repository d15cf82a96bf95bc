"""What every report, page and picture says of itself, and where a report keeps what its renderings look up."""

from __future__ import annotations

NOTICE = "Research use only, not for diagnosis."

SCORES = "scores"
"""Key of `Report.provenance`: observation -> {name of a score: its probability}; renderings print it where cited."""
POLICY = "policy"
"""Key of `Report.provenance`; a report without it is private."""
