"""What the training asks of every loss; a new YAML under conf/loss is found by itself."""

import pytest
import torch
from losses.studies import likeness, rows
from omegaconf import OmegaConf

from medxpert.config.build import build
from medxpert.config.schema import conf_folder
from medxpert.losses.likeness import Likeness

FILES = sorted((conf_folder() / "loss").glob("*.yaml"))
SCALE = torch.tensor(10.0)
STUDIES = likeness(0, 1, 2, 0, 3, 4, 1)
COUNT = len(STUDIES.texts)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def loss(request):
    return build(OmegaConf.load(request.param))


def test_the_losses_are_found():
    assert {"info_nce", "multi_positive", "sigmoid"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("scale", [0.01, 10.0, 100.0])
@pytest.mark.parametrize("studies", [likeness(0), STUDIES, likeness(*([0] * 5))], ids=["one", "some", "one text"])
def test_is_a_finite_scalar_with_finite_gradients(loss, scale, studies):
    image, text = (rows(len(studies.texts), seed).requires_grad_() for seed in (0, 1))
    found = loss(image, text, torch.tensor(scale), studies)
    found.backward()
    assert found.shape == ()
    assert found.dtype == torch.float32
    assert all(torch.isfinite(one).all() for one in (found, image.grad, text.grad))


def test_order_of_the_studies_does_not_matter(loss):
    image, text, order = rows(COUNT, 0), rows(COUNT, 1), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    shuffled = loss(image[order], text[order], SCALE, Likeness(*(field[order] for field in STUDIES)))
    torch.testing.assert_close(shuffled, loss(image, text, SCALE, STUDIES))


def test_neither_side_is_favoured(loss):
    image, text = rows(COUNT, 0), rows(COUNT, 1)
    torch.testing.assert_close(loss(text, image, SCALE, STUDIES), loss(image, text, SCALE, STUDIES))


def test_matching_pairs_cost_less(loss):
    image, noise = rows(COUNT, 0), rows(COUNT, 1)
    text = torch.nn.functional.normalize(image + 0.2 * noise, dim=-1)
    assert loss(image, text, SCALE, STUDIES) < loss(image, text.roll(1, 0), SCALE, STUDIES) - 0.5


def test_gradient_reaches_both_sides_the_scale_and_what_the_loss_learns(loss):
    image, text = rows(COUNT, 0).requires_grad_(), rows(COUNT, 1).requires_grad_()
    scale = SCALE.clone().requires_grad_()
    loss(image, text, scale, STUDIES).backward()
    assert all((side.grad.norm(dim=1) > 1e-3).all() for side in (image, text))
    assert all(one.grad.norm() > 1e-4 for one in (scale, *loss.parameters()))


def test_mixed_precision_changes_nothing(loss):
    image, text = rows(COUNT, 0), rows(COUNT, 1)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(image, text, SCALE, STUDIES)
    torch.testing.assert_close(found, loss(image, text, SCALE, STUDIES))
