"""A full-size JPEG to the model's input: ours as training and inference decode it, against PIL and open_clip."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from preparing import MODEL_PX, RENDERED_PX, SIZE, film, full_decode, ours, stock
from sides import decode_ours, decode_stock
from timing import Row, grown, paired, peaks

from medxpert.data.readers.phantom import read

_FILMS, _QUICK_FILMS = 8, 2
_REPEATS = 6
_MOST_APART = 1.5
"""Grey levels, in the mean over a picture: a scaled decode is not the full one resized, to the last digit."""
_EIGHTH = 8


def measure(quick: bool) -> Row:
    """Measure the row."""
    size = (SIZE[0] // 5, SIZE[1] // 5) if quick else SIZE
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = films(folder, _QUICK_FILMS if quick else _FILMS, size)
        apart = difference(paths)
        pair = paired(lambda repeat: _all(ours, paths, repeat), lambda repeat: _all(stock, paths, repeat), _REPEATS)
        other = paired(lambda repeat: _all(ours, paths, repeat), lambda repeat: _all(full_decode, paths, repeat), 3)
        least = paired(lambda repeat: _all(ours, paths, repeat), lambda _: [_entropy(path, size) for path in paths], 3)
        memory = peaks(decode_ours, decode_stock, paths)
        by_megapixels = dict(_sizes(folder / "growth", size))
        growth = grown(lambda key: ours(by_megapixels[key]), list(by_megapixels))
    each = 1000 / len(paths)
    return Row(
        name="jpeg_decode",
        work=f"a grey JPEG of {size[0]} x {size[1]} pixels to the model's {MODEL_PX}",
        stock_way="PIL's full decode and open_clip's transform",
        ratio=pair.ratio,
        target=3,
        ours=pair.ours.seconds * each,
        stock=pair.stock.seconds * each,
        unit="ms",
        limit="reading the file's coefficients (a decode to 1/8)",
        value=least.stock.seconds * each,
        share_of_limit=least.stock.seconds / pair.ours.seconds,
        peak_memory_mb=memory,
        growth=growth,
        notes=(
            f"{len(paths)} films; ours differs by {apart:.2f} grey levels in the mean",
            f"{other.ratio:.1f} times as fast as PIL's full decode and a resize of the grey picture",
            "growth is over megapixels",
        ),
    )


def films(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write phantoms as films."""
    folder.mkdir(exist_ok=True)
    studies = list(read("train", num_studies=40, side=RENDERED_PX))[:count]
    return [film(folder / f"{n}.jpg", one.images[0].read(), n, size=size) for n, one in enumerate(studies)]


def difference(paths: list[Path]) -> float:
    """Return by how many grey levels ours differs from the stock way, in the mean.

    Raises:
        ValueError: by too many.
    """
    apart = float(np.mean([np.abs(ours(path).astype(int) - stock(path)).mean() for path in paths]))
    if apart > _MOST_APART:
        raise ValueError(f"ours differs from the stock way by {apart:.2f} grey levels, more than {_MOST_APART}")
    return apart


def _all(way: object, paths: list[Path], repeat: int) -> list[NDArray[np.uint8]]:
    turned = paths[repeat % len(paths) :] + paths[: repeat % len(paths)]
    return [way(path) for path in turned]  # type: ignore[operator]


def _entropy(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    least = {"min_width": -(-size[0] // _EIGHTH), "min_height": -(-size[1] // _EIGHTH)}
    return simplejpeg.decode_jpeg(path.read_bytes(), colorspace="GRAY", **least)


def _sizes(folder: Path, size: tuple[int, int]) -> list[tuple[float, Path]]:
    """Write one film at half, 0.7 times and the whole of its sides: a quarter, half and all of its megapixels."""
    folder.mkdir()
    pixels = next(iter(read("train", num_studies=40, side=RENDERED_PX))).images[0].read()
    found = []
    for part in (0.5, 0.5**0.5, 1):
        sides = (round(size[0] * part), round(size[1] * part))
        found.append((round(sides[0] * sides[1] / 1e6, 3), film(folder / f"{part}.jpg", pixels, 1, size=sides)))
    return found


ROWS = {"jpeg_decode": measure}
