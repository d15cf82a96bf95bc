import numpy as np
import pytest
import torch
from losses.studies import labels, likeness

from medxpert.losses.likeness import gathered, jaccard, same_text
from medxpert.metrics import labels as metrics
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES


def encoded(*studies):
    """Rows that hold 1 for each observation of a study."""
    rows = torch.full((len(studies), len(OBSERVATIONS)), MISSING, dtype=torch.int8)
    for row, study in zip(rows, studies, strict=True):
        row[[OBSERVATIONS.index(name) for name in study]] = 1
    return rows


SETS = encoded((), (), [NO_FINDING], [NO_FINDING, SUPPORT_DEVICES], ["Edema"], ["Edema", "Fracture"], OBSERVATIONS)


@pytest.mark.parametrize("studies", [SETS, SETS[:1], *(labels(9, seed) for seed in range(20))])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_jaccard_is_the_clinical_relevance_of_retrieval(studies, is_mixed):
    with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
        found = jaccard(studies)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), metrics.jaccard(studies.numpy(), studies.numpy()))


def test_jaccard_of_sets():
    found = jaccard(SETS)
    assert found[0, 1] == found[0, 0] == found[2, 4] == 0
    assert found[2, 3] == found[4, 4] == 1
    assert found[4, 5] == 0.5


def test_same_text():
    expected = [[True, False, True], [False, True, False], [True, False, True]]
    assert same_text(torch.tensor([7, 1, 7])).tolist() == expected


def test_one_process_gathers_itself():
    studies = likeness(0, 1, 1)
    assert all(one is other for one, other in zip(gathered(studies), studies, strict=True))
