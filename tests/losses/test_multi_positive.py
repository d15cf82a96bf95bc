import math

import numpy as np
import pytest
import torch
from losses.studies import labels, likeness, rows

from medxpert.errors import ConfigError
from medxpert.losses.info_nce import InfoNCE
from medxpert.losses.likeness import Likeness
from medxpert.losses.multi_positive import Goal, MultiPositive, goal_of, multi_positive
from medxpert.losses.similarity import scaled_cosines
from medxpert.metrics.labels import jaccard
from medxpert.ontology import OBSERVATIONS

SCALE = torch.tensor(14.0)


def naive_rows(logits, targets, ignored):
    total = 0.0
    for row, target, out in zip(logits.tolist(), targets.tolist(), ignored.tolist(), strict=True):
        kept = [j for j in range(len(row)) if not out[j]]
        whole = math.log(sum(math.exp(row[j]) for j in kept))
        total -= sum(target[j] * (row[j] - whole) for j in kept) / sum(target[j] for j in kept)
    return total / len(logits)


def naive(logits, targets, ignored):
    return (naive_rows(logits, targets, ignored) + naive_rows(logits.T, targets.T, ignored.T)) / 2


def naive_goal(studies, same_text, soft, ignored):
    """Return targets and left-out pairs, pair by pair, with the Jaccard index of the retrieval metrics."""
    texts, index = studies.texts.tolist(), jaccard(studies.labels.numpy(), studies.labels.numpy())
    targets, out = np.zeros_like(index), np.zeros(index.shape, bool)
    for i, j in np.ndindex(index.shape):
        positive = i == j or (same_text and texts[i] == texts[j])
        out[i, j] = not positive and ignored is not None and index[i, j] >= np.float32(ignored)
        targets[i, j] = 1 if positive else soft * index[i, j]
    return torch.from_numpy(targets), torch.from_numpy(out)


def off_diagonal(count: int, seed: int) -> torch.Tensor:
    drawn = torch.rand(count, count, generator=torch.Generator().manual_seed(seed)) < 0.4
    return drawn.fill_diagonal_(False)


def draw(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw logits, targets with zeros that favour neither direction, and pairs to leave out."""
    targets = torch.rand(count, count, generator=torch.Generator().manual_seed(5)) * ~off_diagonal(count, 6)
    return scaled_cosines(rows(count, 0), rows(count, 1), SCALE), targets, off_diagonal(count, 7)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_equals_the_definition(count: int):
    logits, targets, ignored = draw(count)
    found = multi_positive(logits, Goal(targets, ignored)).item()
    assert found == pytest.approx(naive(logits, targets, ignored), rel=1e-5, abs=1e-6)
    found = multi_positive(logits, Goal(targets)).item()
    assert found == pytest.approx(naive(logits, targets, torch.zeros_like(ignored)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("ignored", [None, off_diagonal(6, 7)])
def test_gradient_is_probability_less_target(ignored):
    logits, targets, _ = draw(6)
    logits.requires_grad_()
    multi_positive(logits, Goal(targets, ignored)).backward()
    out = torch.zeros(6, 6, dtype=torch.bool) if ignored is None else ignored
    kept, targets = logits.detach().masked_fill(out, -math.inf), targets.masked_fill(out, 0)
    by_row = kept.softmax(1) - targets / targets.sum(1, keepdim=True)
    by_column = kept.softmax(0) - targets / targets.sum(0, keepdim=True)
    torch.testing.assert_close(logits.grad, (by_row + by_column) / 12)
    assert (logits.grad[out] == 0).all()


@pytest.mark.parametrize("count", [1, 2, 9])
def test_with_everything_off_it_is_info_nce(count: int):
    studies = likeness(*([0] * count))
    image, text = ([side.clone().requires_grad_() for side in (rows(count, 0), rows(count, 1))] for _ in range(2))
    found, expected = MultiPositive(same_text=False)(*image, SCALE, studies), InfoNCE()(*text, SCALE, studies)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    found.backward()
    expected.backward()
    for one, other in zip(image, text, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-6)


TEXTS = (0, 1, 2, 0, 3, 1, 0, 4, 5)


@pytest.mark.parametrize("same_text", [False, True])
@pytest.mark.parametrize("soft", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ignored", [None, 0.2, 0.5, 1.0])
def test_pairs_are_what_their_texts_and_labels_make_them(same_text, soft, ignored):
    studies = Likeness(torch.tensor(TEXTS), torch.cat([labels(6, 3), labels(3, 3)]))
    targets, out = naive_goal(studies, same_text, soft, ignored)
    goal = goal_of(studies, same_text, soft, ignored)
    torch.testing.assert_close(goal.targets, targets)
    assert torch.equal(out if goal.ignored is None else goal.ignored, out if ignored else torch.zeros_like(out))
    assert bool(out.any()) == (ignored is not None)
    image, text = rows(len(TEXTS), 0), rows(len(TEXTS), 1)
    found = MultiPositive(same_text, soft, ignored)(image, text, SCALE, studies).item()
    assert found == pytest.approx(naive(scaled_cosines(image, text, SCALE), targets, out), rel=1e-5)


@pytest.mark.parametrize(("shared", "either"), [(7, 10), (6, 10), (1, 3), (9, 11)])
def test_index_equal_to_the_bound_is_left_out(shared: int, either: int):
    """Whatever float32 makes of the fraction."""
    pair = torch.zeros(2, len(OBSERVATIONS), dtype=torch.int8)
    pair[0, 1 : 1 + shared] = 1
    pair[1, 1 : 1 + either] = 1
    goal = goal_of(Likeness(torch.tensor([0, 1]), pair), by_text=True, soft=0.0, ignored=shared / either)
    assert goal.ignored.tolist() == [[False, True], [True, False]]


def test_studies_of_one_text_do_not_repel_each_other():
    """Their text stands at one place, their images at equal distances from it: nothing is left to learn."""
    image, text = torch.eye(5).requires_grad_(), torch.full((5, 5), 5**-0.5).requires_grad_()
    loss = MultiPositive()(image, text, SCALE, likeness(*([3] * 5)))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(5), rel=1e-5)
    torch.testing.assert_close(image.grad, torch.zeros(5, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(text.grad, torch.zeros(5, 5), atol=1e-6, rtol=0)


BAD = [
    ({"soft": -0.1}, "loss.soft=-0.1 lies outside [0, 1]"),
    ({"soft": 1.5}, "loss.soft=1.5 lies outside [0, 1]"),
    ({"soft": math.nan}, "loss.soft=nan lies outside [0, 1]"),
    ({"ignored": 0.0}, "loss.ignored=0.0 lies outside (0, 1]"),
    ({"ignored": 1.01}, "loss.ignored=1.01 lies outside (0, 1]"),
    ({"ignored": math.nan}, "loss.ignored=nan lies outside (0, 1]"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ConfigError) as caught:
        MultiPositive(**arguments)
    assert str(caught.value) == message
