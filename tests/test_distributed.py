"""Two processes must train as one does on their joint batch."""

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from medxpert.distributed import gather_batch, gather_objects, leave_group, world_size
from medxpert.losses.info_nce import InfoNCE

SCALE = torch.tensor(5.0)


def towers() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict({"image": nn.Linear(8, 4), "text": nn.Linear(8, 4)})


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.towers = towers()

    def forward(self, image: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return F.normalize(self.towers["image"](image), dim=-1), F.normalize(self.towers["text"](text), dim=-1)


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.grad for parameter in model.parameters()]


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 8, generator=generator), torch.randn(6, 8, generator=generator)


def work(rank: int, init: str, queue: "mp.SimpleQueue") -> None:
    dist.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    image, text = (part[3 * rank : 3 * rank + 3] for part in inputs())
    model = DistributedDataParallel(Pair())
    loss = InfoNCE()(*model(image, text), SCALE)
    loss.backward()
    if rank == 0:
        queue.put((loss.item(), [g.numpy() for g in gradients(model)], gather_objects("a")))
    else:
        gather_objects("b" * rank)
    del model, loss
    leave_group()


def test_gradients_of_two_ranks_equal_those_of_one(tmp_path):
    queue = mp.get_context("spawn").SimpleQueue()
    context = mp.spawn(work, (f"file://{tmp_path}/rendezvous", queue), nprocs=2, join=False)
    loss, found, gathered = queue.get()
    while not context.join():
        pass
    model = Pair()
    expected = InfoNCE()(*model(*inputs()), SCALE)
    expected.backward()
    assert abs(loss - expected.item()) < 1e-6
    for one, other in zip(found, gradients(model), strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other, atol=1e-6, rtol=1e-5)
    assert gathered == ["a", "b"]


def test_one_process_gathers_itself():
    rows = torch.randn(3, 2)
    assert world_size() == 1
    assert gather_batch(rows) is rows
    assert gather_objects(1) == [1]
