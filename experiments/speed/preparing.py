"""How fast are full-size radiographs prepared and decoded?

$ python experiments/speed/preparing.py             # 300 films of 2500 x 3000: about 4 minutes on 2 cores
$ python experiments/speed/preparing.py films=24    # a trial
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.data.readers.phantom import read
from medxpert.images.files import ImageFile, load

SIZE = (2500, 3000)
RENDERED_PX = 512
_GRAIN = 2.2
"""Grey levels of noise: it makes files of 1.5 MB, the mean of MIMIC-CXR-JPG (557.6 GB for 377,110 films)."""
_DISTINCT = 20
MODEL_PX = 224
_REPEATS = 5


def write_tree(root: Path, films: int) -> None:
    """Write phantoms as MIMIC-CXR-JPG lays films out; a few distinct ones, and copies of them under other names."""
    studies = list(read("train", num_studies=2 * _DISTINCT, side=RENDERED_PX))[:_DISTINCT]
    pictures = [film(root / f"{number}.jpg", study.images[0].read(), number) for number, study in enumerate(studies)]
    rows = []
    for number in range(films):
        subject, study = 10_000_000 + number, 50_000_000 + number
        name = f"{number:08x}-0000-0000-0000-000000000000"
        # one copy each in validation and test would be a leak: these get films of their own
        split = {0: "validate", 1: "test"}.get(number, "train")
        source = pictures[number] if number < _DISTINCT else pictures[2 + number % (_DISTINCT - 2)]
        folder = root / "jpg" / "files" / f"p{subject // 1_000_000}" / f"p{subject}" / f"s{study}"
        folder.mkdir(parents=True)
        shutil.copyfile(source, folder / f"{name}.jpg")
        report = root / "reports" / folder.relative_to(root / "jpg").with_suffix(".txt")
        report.parent.mkdir(parents=True, exist_ok=True)
        text = studies[number % _DISTINCT].findings or "No acute process."
        report.write_text(f" FINAL REPORT\n FINDINGS:\n {text}\n")
        rows.append([name, study, subject, split])
    with (root / "jpg" / "mimic-cxr-2.0.0-split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["dicom_id", "study_id", "subject_id", "split"], *rows])


def film(path: Path, pixels: NDArray[np.uint8], seed: int, grain: float = _GRAIN, size: tuple[int, int] = SIZE) -> Path:
    """Write a picture as a grey JPEG of a film's size, with noise of so many grey levels."""
    large = np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(seed).normal(0, grain, large.shape)
    PIL.Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8)).save(path, quality=95)
    return path


def prepared(root: Path) -> dict[str, float]:
    """Run the command as a user does, and return what its report says of the time."""
    command = [sys.executable, "-m", "medxpert.prepare", "data=mimic_cxr", f"data.images={root / 'jpg'}"]
    command += [f"data.reports={root / 'reports'}", "data.on_leak=keep", f"output={root / 'shards'}"]
    began = monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = monotonic() - began
    made = json.loads((root / "shards" / "data_report.json").read_text())["made"]
    return {
        "images": made["images"],
        "images_per_second_and_core": round(made["images_per_second_and_core"], 1),
        "seconds_of_the_whole_command": round(wall, 1),
        "kB_per_stored_image": round(made["bytes"] / made["images"] / 1000, 1),
    }


def stock(path: Path) -> NDArray[np.uint8]:
    """Decode the whole film, then what open_clip does before it normalises: RGB, resize, crop."""
    from open_clip import image_transform

    resize, crop = image_transform(MODEL_PX, is_train=False).transforms[:2]
    return np.asarray(crop(resize(PIL.Image.open(path).convert("RGB"))).convert("L"))


def full_decode(path: Path) -> NDArray[np.uint8]:
    """Decode the whole film with PIL, then resize the grey picture."""
    grey = PIL.Image.open(path).convert("L")
    return np.asarray(grey.resize((MODEL_PX, MODEL_PX), PIL.Image.Resampling.BICUBIC))


def ours(path: Path) -> NDArray[np.uint8]:
    """Decode as training and inference do."""
    return load(ImageFile(path), MODEL_PX, "crop")


def decoding(paths: list[Path]) -> dict[str, float]:
    """Time one film after another by each way in turn, on one core; the median over films and repeats."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ways: dict[str, Callable[[Path], NDArray[np.uint8]]] = {"stock": stock, "full_decode": full_decode, "ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_REPEATS):
        for path in paths:
            for name, way in ways.items():
                began = monotonic()
                way(path)
                seconds[name].append(monotonic() - began)
    difference = np.mean([np.abs(ours(path).astype(int) - stock(path)).mean() for path in paths])
    took = {name: median(own) for name, own in seconds.items()}
    return {
        "file_kB": round(np.mean([path.stat().st_size for path in paths]) / 1000),
        **{f"{name}_ms": round(1000 * value, 1) for name, value in took.items()},
        "times_faster_than_stock": round(took["stock"] / took["ours"], 2),
        "times_faster_than_full_decode_and_grey_resize": round(took["full_decode"] / took["ours"], 2),
        "mean_difference_to_stock_grey_levels": round(float(difference), 2),
    }


def main() -> None:
    """Measure and print JSON."""
    films = int(next((word.removeprefix("films=") for word in sys.argv[1:] if word.startswith("films=")), 300))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_tree(root, films)
        smooth = root / "smooth"
        smooth.mkdir()
        for number, study in enumerate(list(read("train", num_studies=20, side=RENDERED_PX))[:8]):
            film(smooth / f"{number}.jpg", study.images[0].read(), number, grain=0.5)
        result = {
            "prepare": prepared(root),
            "decode": decoding(sorted(root.glob("*.jpg"))[:8]),
            "decode_films_with_little_grain": decoding(sorted(smooth.glob("*.jpg"))),
        }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
