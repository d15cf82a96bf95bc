import fcntl
import json
from threading import Event, Thread

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST
from medxpert.prefixes.files import CHUNKS, STATES, build, check_built, missing_bytes
from medxpert.prefixes.recipe import Recipe

BOUNDS = np.array([0, 3, 6, 7])


class Killed(BaseException):
    """As SIGKILL does, nothing catches it and nothing is tidied up behind it."""


def rows(chunk):
    return np.full((BOUNDS[chunk + 1] - BOUNDS[chunk], 2), chunk + 1, np.uint16)


@pytest.fixture
def make(tmp_path):
    def call(die_at=None, weights="w"):
        computed = []

        def compute(chunk):
            if chunk == die_at:
                raise Killed
            computed.append(chunk)
            return rows(chunk)

        recipe = Recipe("image", {"weights": weights}, (7, 2), BOUNDS, compute)
        return recipe, tmp_path / "prefixes" / recipe.name, computed

    return call


def whole(recipe, folder):
    found = np.load(check_built(recipe, folder), mmap_mode="r")
    assert found.tolist() == np.concatenate([rows(chunk) for chunk in range(3)]).tolist()
    assert json.loads((folder / MANIFEST).read_text())["policy"] == "credentialed"


def test_rows_are_computed_once_and_found_again(make):
    for expected in ([0, 1, 2], []):
        recipe, folder, computed = make()
        build(recipe, folder, "credentialed")
        assert computed == expected
        whole(recipe, folder)


def test_a_build_that_was_killed_goes_on_at_its_chunk(make):
    recipe, folder, computed = make(die_at=2)
    with pytest.raises(Killed):
        build(recipe, folder, "credentialed")
    assert computed == [0, 1]
    with pytest.raises(DataError, match=r"holds no activations of these frozen weights and data; start again"):
        check_built(recipe, folder)
    with (folder / CHUNKS).open("a") as file:
        file.write("[2, ")  # half a line
    recipe, folder, computed = make()
    assert missing_bytes(recipe, folder) == 0
    build(recipe, folder, "credentialed")
    assert computed == [2]
    whole(recipe, folder)


def flip(folder):
    content = bytearray((folder / STATES).read_bytes())
    content[-1] ^= 1
    (folder / STATES).write_bytes(content)


def cut(folder):
    content = (folder / STATES).read_bytes()
    (folder / STATES).write_bytes(content[:-6])


def change_manifest(folder):
    (folder / MANIFEST).write_text(json.dumps({"made_of": {"weights": "others"}}))


@pytest.mark.parametrize(
    ("damage", "again"),
    [
        (flip, [2]),
        (cut, [1, 2]),
        (change_manifest, []),
        (lambda folder: (folder / MANIFEST).write_text("{"), []),
        (lambda folder: (folder / CHUNKS).unlink(), [0, 1, 2]),
        (lambda folder: (folder / STATES).write_bytes(b"no array"), [0, 1, 2]),
        (lambda folder: (folder / STATES).unlink(), [0, 1, 2]),
    ],
)
def test_what_is_damaged_is_computed_again(make, caplog, damage, again):
    recipe, folder, _ = make()
    build(recipe, folder, "credentialed")
    damage(folder)
    recipe, folder, computed = make()
    build(recipe, folder, "credentialed")
    assert computed == again
    assert f"{folder} is not what was written: {3 - len(again)} of 3 chunks are whole" in caplog.text
    whole(recipe, folder)


def test_other_weights_have_another_folder(make):
    assert make(weights="v")[0].name != make(weights="w")[0].name
    recipe, folder, _ = make()
    build(recipe, folder, "open")
    with pytest.raises(DataError, match="holds no activations"):
        check_built(make(weights="v")[0], folder)


def test_another_process_waits_for_the_first_and_takes_what_it_made(make):
    recipe, folder, computed = make()
    build(recipe, folder, "credentialed")
    (folder / MANIFEST).rename(folder / "kept")
    held, done = folder.with_suffix(".lock").open("w"), Event()
    fcntl.flock(held, fcntl.LOCK_EX)
    second, _, computed = make()
    thread = Thread(target=lambda: (build(second, folder, "credentialed"), done.set()))
    thread.start()
    assert not done.wait(0.3)
    (folder / "kept").rename(folder / MANIFEST)
    held.close()
    thread.join()
    assert computed == []
    whole(second, folder)


def test_a_folder_that_cannot_be_written_is_told_in_one_line(make, tmp_path):
    recipe, _, _ = make()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*; free the space, set MEDXPERT_CACHE to another disk"):
        build(recipe, tmp_path / "file" / recipe.name, "open")
