from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medxpert.data.leaks import HeldOut
from medxpert.data.store import Store, open_store
from medxpert.data.stored import Representation
from medxpert.errors import DataError
from medxpert.words import Rejected, Study


@dataclass(frozen=True)
class Flat:
    level: int
    view: str = "PA"

    def fingerprint(self) -> str:
        return f"flat {self.level}"

    def read(self) -> np.ndarray | Path:
        return Path("missing.png") if self.level < 0 else np.full((8, 8), self.level, np.uint8)


def study(number: int, *images: Flat, **fields: object) -> Study:
    fields = {"findings": f"Level {number}.", "policy": "open"} | fields
    return Study(f"s{number}", f"p{number}", images or (Flat(number),), **fields)


def opened(tmp_path: Path, *items: Study | Rejected, held_out: HeldOut | None = None, **shown: object) -> Store:
    studies = [item for item in items if isinstance(item, Study)]
    rejected = [item for item in items if isinstance(item, Rejected)]
    return open_store(studies, rejected, "train", Representation(8, **shown), tmp_path, held_out)


def levels(store: Store) -> list[list[int]]:
    return [[int(store.pixels[row].mean()) for row in rows] for rows in store.image_rows]


def test_pixels_and_cases_stand_in_the_readers_order(tmp_path):
    store = opened(tmp_path, *(study(number) for number in (3, 1, 2)))
    assert store.cases.study_ids == ["s3", "s1", "s2"]
    assert levels(store) == [[3], [1], [2]]
    assert store.cases.texts == ["Level 3.", "Level 1.", "Level 2."]
    assert store.rejected == []


def test_many_images_are_decoded_by_several_processes_in_order(tmp_path):
    numbers = [number % 251 for number in range(300)]
    assert levels(opened(tmp_path, *(study(n, Flat(n)) for n in numbers))) == [[n] for n in numbers]


@pytest.mark.parametrize(("views", "expected"), [("frontal_first", [[20]]), ("mean", [[20, 10]])])
def test_views(tmp_path, views, expected):
    store = opened(tmp_path, study(1, Flat(10, "LATERAL"), Flat(20, "AP")), views=views)
    assert levels(store) == expected


@pytest.mark.parametrize(
    ("views", "expected"),
    [(("", "AP", "PA"), 1), (("LATERAL", ""), 1), (("LATERAL", "OBLIQUE"), 0), (("PA", "AP"), 0)],
)
def test_frontal_first_prefers_a_known_frontal_view_then_an_unknown_one(tmp_path, views, expected):
    store = opened(tmp_path, study(1, *(Flat(level, view) for level, view in enumerate(views))))
    assert levels(store) == [[expected]]


@pytest.mark.parametrize(
    ("text", "section", "content"),
    [
        ("longest", "findings", "A long text."),
        ("findings", "findings", "A long text."),
        ("impression", "impression", "Short."),
    ],
)
def test_sections(tmp_path, text, section, content):
    store = opened(tmp_path, study(1, findings="A long text.", impression="Short."), text=text)
    assert (store.cases.column("section"), store.cases.texts) == ([section], [content])


def test_prompts_are_called_so(tmp_path):
    assert opened(tmp_path, study(1, text_kind="prompt")).cases.column("section") == ["prompt"]


def test_what_cannot_be_used_is_listed_and_the_rest_goes_on(tmp_path):
    store = opened(
        tmp_path,
        study(1, Flat(-1)),
        study(2),
        Rejected("row 7", "no image column"),
        study(3, findings=" "),
        study(4, Flat(-1), Flat(9)),
        views="mean",
    )
    assert levels(store) == [[2], [9]]
    assert [item.where for item in store.rejected] == ["row 7", "s3", "s1", "s4"]
    assert [item.reason for item in store.rejected[1:]] == ["empty report", "image missing", "image missing"]
    assert "missing.png" in store.rejected[2].detail


def test_nothing_usable_names_the_first_reason(tmp_path):
    with pytest.raises(DataError, match=r"split train has no usable study; the first of 1 reasons: .*missing.png"):
        opened(tmp_path, study(1, Flat(-1)))
    with pytest.raises(DataError, match=r"the reader yielded nothing"):
        opened(tmp_path)


def test_policy_is_the_strictest_of_its_studies(tmp_path):
    assert opened(tmp_path, study(1), study(2, policy="credentialed")).policy == "credentialed"


def test_second_opening_decodes_nothing_and_a_change_makes_a_new_store(tmp_path):
    first = opened(tmp_path, study(1))
    stamp = (first.folder / "pixels.npy").stat().st_mtime_ns
    assert opened(tmp_path, study(1)).folder == first.folder
    assert (first.folder / "pixels.npy").stat().st_mtime_ns == stamp
    assert opened(tmp_path, study(1, findings="Other.")).folder != first.folder
    assert opened(tmp_path, study(1, Flat(2))).folder != first.folder


def test_flipped_byte_in_a_store_is_noticed(tmp_path):
    store = opened(tmp_path, study(1))
    path = store.folder / "pixels.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"pixels.npy is not what was written"):
        _ = Store(store.folder).policy


def test_what_is_done_about_leaks_and_views_belongs_to_the_fingerprint(tmp_path):
    (level,) = opened(tmp_path, study(9)).hashes
    held = {}
    for rule in ("keep", None, "keep", "fail"):
        held_out = HeldOut(rule)
        held_out.add("test", [level])
        if rule == "fail":
            with pytest.raises(DataError, match="identical to one of test"):
                opened(tmp_path, study(9), study(1), held_out=held_out)
        else:
            held.setdefault(rule, []).append(opened(tmp_path, study(9), study(1), held_out=held_out).cases.study_ids)
    assert held == {"keep": [["s9", "s1"]] * 2, None: [["s1"]]}
    assert opened(tmp_path, study(1, Flat(1, "PA"))).folder != opened(tmp_path, study(1, Flat(1, "AP"))).folder


def test_a_study_is_shown_by_its_next_image_where_the_first_is_broken(tmp_path):
    store = opened(tmp_path, study(1, Flat(-1), Flat(7, "LATERAL")))
    assert levels(store) == [[7]]
    assert store.cases.column("view") == ["LATERAL"]
    assert [item.reason for item in store.rejected] == ["image missing"]
