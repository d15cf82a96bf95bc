from __future__ import annotations

import pytest

from medxpert.questions.asked import understand
from medxpert.questions.polarity import asks_for_health


@pytest.mark.parametrize(
    ("text", "healthy"),
    [
        ("Is the heart normal in size?", True),
        ("Are the lungs clear?", True),
        ("Are the lungs free of consolidation?", True),
        ("Can pneumonia be excluded?", True),
        ("Is pneumothorax absent?", True),
        ("Are the bones intact?", True),
        ("Is the image normal?", True),
        ("Is the image abnormal?", False),
        ("Are there any abnormalities?", False),
        ("Is the heart larger than normal?", False),
        ("Is the heart normal or enlarged?", False),
        ("Is there no effusion?", False),
        ("Rule out pneumothorax", False),
        ("Is there a clear fracture?", False),
        ("Are the lungs not clear?", False),
        ("Is there an effusion?", False),
    ],
)
def test_yes_says_that_all_is_well(text: str, healthy: bool) -> None:
    assert asks_for_health(text, understand(text).observations) is healthy
