"""How fast is the training step on a GPU, against open_clip and Hugging Face, and search on a GPU against a CPU?

$ python experiments/speed/gpu.py                        # one call, under 10 minutes; prints Markdown
$ python experiments/speed/gpu.py device=cpu quick=true  # a trial of the code on tiny sizes, without a GPU

The work is that of the row train_step: half of each tower frozen, fused AdamW everywhere, real report lengths,
bf16. The batches lie in the device's memory already: reading and decoding are not measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from contenders import huggingface, medxpert, openclip
from flops import step_flops
from inputs import SIZES, Batches, Marks, Size
from limits import matmul_gflops

_GALLERY, _QUICK_GALLERY = (377_110, 512), (2000, 32)
_TOP_K = 10
_PEAK_SIDE = 8192
_BUDGET_SECONDS = 480
"""After which no further batch size is begun, so that one call stays under 10 minutes."""


class Figure(NamedTuple):
    """What one contender reached."""

    samples_per_second: float
    peak_gb: float


def step(fit: Callable[..., None], size: Size, batch_size: int, device: str, **options: bool) -> Figure:
    """Train some steps on some batches, again and again, and take the time after those that warm up."""
    batches = Batches(size, batch_size, device)
    marks = Marks(size, device)
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        fit(size, batches, marks, folder, **options)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    return Figure(batch_size / marks.seconds_per_step(), peak)


def peak_tflops(device: str) -> float:
    """Return the best rate of a bf16 matrix product on a GPU, in float32 on a CPU."""
    if device == "cpu":
        return matmul_gflops("float32") / 1000
    one = torch.randn(_PEAK_SIDE, _PEAK_SIDE, device=device, dtype=torch.bfloat16)
    least = float("inf")
    for _ in range(20):
        torch.cuda.synchronize()
        began = time.perf_counter()
        _ = one @ one
        torch.cuda.synchronize()
        least = min(least, time.perf_counter() - began)
    return 2 * _PEAK_SIDE**3 / least / 1e12


def training(size: Size, device: str, compiled: bool = True) -> Iterable[str]:
    """Yield the table of the training step, a line per batch size and contender."""
    ceiling = peak_tflops(device)
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    yield f"{name}, torch {torch.__version__}; the best matrix product reached {ceiling:.3g} TFLOP/s."
    yield ""
    yield "| batch | way | samples/s | against open_clip | share of the peak | memory, GB |"
    yield "|---|---|---|---|---|---|"
    ways: dict[str, Callable[..., Figure]] = {
        "open_clip, Lightning": partial(step, openclip),
        "Hugging Face Trainer": partial(step, huggingface),
        "MedXpert": partial(step, medxpert),
    }
    if compiled:
        ways["MedXpert, compiled"] = partial(step, medxpert, compiled=True)
    began = time.monotonic()
    for batch_size in size.batch_sizes:
        if time.monotonic() - began > _BUDGET_SECONDS:
            yield f"| {batch_size} | left out, for time | | | | |"
            continue
        stock = None
        for way, measured in ways.items():
            try:
                found = measured(size, batch_size, device)
            except torch.cuda.OutOfMemoryError:
                yield f"| {batch_size} | {way} | out of memory | | | |"
                continue
            stock = stock or (found.samples_per_second if way.startswith("open_clip") else None)
            yield _line(batch_size, way, found, stock, _share(found, size, batch_size, ceiling))


def _share(found: Figure, size: Size, batch_size: int, ceiling: float) -> float:
    """Return the part of the peak that the operations which the step needs make up, whatever else a way computes."""
    lengths = Batches(size, batch_size, "cpu").lengths
    needed = step_flops(size.architecture, (size.frozen, size.frozen), batch_size, lengths)
    return needed / batch_size * found.samples_per_second / 1e12 / ceiling


def _line(batch_size: int, way: str, found: Figure, stock: float | None, share: float) -> str:
    ratio = f"{found.samples_per_second / stock:.2f}" if stock else ""
    return f"| {batch_size} | {way} | {found.samples_per_second:,.0f} | {ratio} | {share:.0%} | {found.peak_gb:.1f} |"


def searching(shape: tuple[int, int]) -> Iterable[str]:
    """Yield the table of exact search by faiss on a GPU and on the CPU; a line that says so where faiss has no GPU."""
    import faiss

    if not getattr(faiss, "get_num_gpus", lambda: 0)():
        yield "faiss finds no GPU (the package faiss-gpu brings that): search was not measured."
        return
    generator = np.random.default_rng(0)
    rows = generator.standard_normal(shape, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    flat = faiss.IndexFlatIP(shape[1])
    flat.add(rows)
    moved = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, flat)
    yield f"| queries at a time, of {shape[0]:,} x {shape[1]} | CPU, queries/s | GPU, queries/s | ratio |"
    yield "|---|---|---|---|"
    for count in (1, 256):
        queries = rows[generator.integers(len(rows), size=count)]
        if not np.allclose(flat.search(queries, _TOP_K)[0], moved.search(queries, _TOP_K)[0], atol=1e-3):
            raise ValueError("the GPU's scores differ from the CPU's by more than 0.001")
        cpu, gpu = (_queries_per_second(index, queries) for index in (flat, moved))
        yield f"| {count} | {cpu:,.0f} | {gpu:,.0f} | {gpu / cpu:.1f} |"


def _queries_per_second(index: Any, queries: np.ndarray, seconds: float = 3.0) -> float:
    index.search(queries, _TOP_K)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        index.search(queries, _TOP_K)
        count += len(queries)
    return count / (time.perf_counter() - began)


def main() -> int:
    """Print what the command line asks for."""
    options = dict(word.partition("=")[::2] for word in sys.argv[1:])
    if unknown := set(options) - {"device", "quick"}:
        sys.stderr.write(f"expected device= and quick=, found {', '.join(sorted(unknown))}=\n")
        return 2
    device, quick = options.get("device", "cuda"), options.get("quick") == "true"
    if device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("no GPU here; try the code with device=cpu quick=true\n")
        return 2
    size = SIZES["quick" if quick else "full"]
    # a compiler takes minutes on a CPU, whatever the size
    for lines in (training(size, device, compiled=not quick), [""], searching(_QUICK_GALLERY if quick else _GALLERY)):
        for line in lines:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
