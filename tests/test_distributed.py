"""Two processes must train as one does on their joint batch."""

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from medxpert.distributed import gather_batch, gather_objects, leave_group, world_size
from medxpert.losses.info_nce import InfoNCE
from medxpert.losses.likeness import Likeness
from medxpert.losses.multi_positive import MultiPositive
from medxpert.losses.sigmoid import Sigmoid

LOSSES = {
    "info_nce": lambda: InfoNCE(0.1),
    "sigmoid": lambda: Sigmoid(-2.0, same_text=True),
    "multi_positive": lambda: MultiPositive(soft=0.5, ignored=0.9),
}
NUM_STUDIES, FIRST_RANKS = 7, 4


class Pair(nn.Module):
    """Two towers and a loss, as the Lightning module holds them."""

    def __init__(self, loss: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = nn.Linear(8, 4), nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.loss = LOSSES[loss]()

    def forward(self, image: torch.Tensor, text: torch.Tensor, likeness: Likeness) -> torch.Tensor:
        sides = F.normalize(self.image(image), dim=-1), F.normalize(self.text(text), dim=-1)
        return self.loss(*sides, self.scale, likeness)


def inputs(own: slice) -> tuple[torch.Tensor, torch.Tensor, Likeness]:
    generator = torch.Generator().manual_seed(1)
    image, text = torch.randn(2, NUM_STUDIES, 8, generator=generator)
    labels = torch.randint(-2, 2, (NUM_STUDIES, 14), generator=generator, dtype=torch.int8)
    return image[own], text[own], Likeness(torch.tensor([5, 9, 7, 5, 1, 2, 5])[own], labels[own])


def learned(model: nn.Module, own: slice) -> tuple[float, dict[str, torch.Tensor]]:
    loss = model(*inputs(own))
    loss.backward()
    gradients = {name.removeprefix("module."): one.grad.numpy() for name, one in model.named_parameters()}
    return loss.item(), gradients


def work(rank: int, init: str, queue: "mp.SimpleQueue") -> None:
    dist.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    own = slice(FIRST_RANKS) if rank == 0 else slice(FIRST_RANKS, None)
    found = {name: learned(DistributedDataParallel(Pair(name)), own) for name in LOSSES}
    gathered = gather_objects("a" if rank == 0 else "b")
    if rank == 0:
        queue.put((found, gathered))
    leave_group()


def test_gradients_of_two_ranks_of_unequal_size_equal_those_of_one(tmp_path):
    queue = mp.get_context("spawn").SimpleQueue()
    context = mp.spawn(work, (f"file://{tmp_path}/rendezvous", queue), nprocs=2, join=False)
    found, gathered = queue.get()
    while not context.join():
        pass
    assert gathered == ["a", "b"]
    for name, (loss, gradients) in found.items():
        expected, whole = learned(Pair(name), slice(None))
        assert abs(loss - expected) < 1e-6
        assert gradients.keys() == whole.keys()
        for parameter, gradient in gradients.items():
            np.testing.assert_allclose(gradient, whole[parameter], atol=1e-6, rtol=1e-5, err_msg=f"{name} {parameter}")


def test_one_process_gathers_itself():
    rows = torch.randn(3, 2)
    assert world_size() == 1
    assert gather_batch(rows) is rows
    assert gather_objects(1) == [1]
