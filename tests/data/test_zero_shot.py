import re

from medxpert.data.zero_shot import prompts
from medxpert.ontology import NO_FINDING, OBSERVATIONS


def test_every_observation_is_affirmed_and_denied():
    found = prompts()
    assert len(found) == len(OBSERVATIONS)
    for pair in found:
        assert pair.present
        assert pair.absent
        assert not set(pair.present) & set(pair.absent)
        assert len(set(pair.present)) == len(pair.present)


def test_slots_are_filled():
    present = prompts()[OBSERVATIONS.index("Pneumothorax")].present
    assert "Small left pneumothorax." in present
    assert "Large right pneumothorax." in present
    sentences = [sentence for pair in prompts() for side in pair for sentence in side]
    assert not any(re.search(r"[{}]|  ", sentence) for sentence in sentences)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)


def test_a_normal_chest_denies_everything():
    normal = set(prompts()[OBSERVATIONS.index(NO_FINDING)].present)
    for name, pair in zip(OBSERVATIONS, prompts(), strict=True):
        assert bool(normal & set(pair.absent)) == (name != NO_FINDING)
