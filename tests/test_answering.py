"""What infer.py is asked, before anything is opened."""

import pytest
from omegaconf import OmegaConf

from medxpert.answering import Asking, answer
from medxpert.errors import ConfigError, DataError

KEYS = ("image", "images", "query", "question", "prior", "audio", "output")


def cfg(**given):
    export = {name: {} for name in given.pop("export", ("json", "markdown", "html"))}
    usual = {"top_k": 5, "match": "both", "filter": {}, "format": "csv", "export": export}
    return OmegaConf.create({**dict.fromkeys(KEYS), **usual, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give one of image=FILE, images=FOLDER, query='some text' and audio=FILE"),
        ({"image": "a.png", "query": "edema"}, "give one of"),
        ({"images": "a", "audio": "a.wav"}, "give one of|leave question="),
        ({"question": "Is there edema?"}, "give one of"),
        ({"query": "edema", "question": "Is there edema?"}, "question= is about one image; give image=FILE"),
        ({"images": "films", "question": "Is there edema?"}, "question= is about one image"),
        ({"query": "edema", "prior": "b.png"}, "prior= is about one image"),
        ({"image": "a.png", "audio": "a.wav", "question": "Is there edema?"}, "audio= holds the question"),
        ({"audio": "a.wav", "query": "edema"}, "give one of|leave question="),
        ({"images": "films"}, "give output=DIR"),
        ({"images": "films", "output": "x", "export": ["pdf"]}, "export= writes one answer"),
        ({"query": "edema", "format": "jsonl"}, "format=csv and format=jsonl are for images="),
        ({"images": "films", "output": "x", "top_k": 9}, "top_k= chooses what is shown of one answer"),
    ],
)
def test_what_is_asked_must_be_clear(given, message):
    with pytest.raises(ConfigError, match=message):
        answer(cfg(**given))


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(DataError, match=r"^image=.*: expected a radiograph, found a folder; images= takes one"):
        answer(cfg(image=str(tmp_path)))


@pytest.mark.parametrize(("given", "key"), [({}, "image"), ({"prior": "b.png", "image": __file__}, "prior")])
def test_a_file_that_is_not_there_is_told_by_its_key(given, key):
    with pytest.raises(DataError, match=rf"^{key}=[ab]\.png: no such file; give the path of a radiograph"):
        answer(cfg(**{"image": "a.png", **given}))


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({"image": "a/chest.dcm"}, None),
        ({"image": "a/chest.dcm", "export": ["pdf", "sr"]}, "chest-report"),
        ({"query": "edema", "export": ["pdf"]}, "query-report"),
        ({"image": "a/chest.dcm", "export": ["pdf"], "output": "here"}, "here"),
    ],
)
def test_a_format_asked_for_is_written_even_where_no_folder_is_named(given, folder):
    found = Asking(cfg(**given), None)._output()
    assert (None if found is None else str(found)) == folder
