from collections import Counter
from functools import partial

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from trees.mix import build

from medxpert.config.build import build as built
from medxpert.config.check import check
from medxpert.config.overrides import rewrite
from medxpert.config.schema import Schema, conf_folder, read_schema
from medxpert.data.readers import csv, phantom
from medxpert.data.readers.mix import read
from medxpert.errors import ConfigError
from medxpert.words import SPLITS, Rejected, Study

CONF = conf_folder()
SMALL = partial(phantom.read, num_studies=60, side=64)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("mix"))


def composed(*typed):
    groups = read_schema(CONF, "train").groups
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[rewrite(one, groups) for one in typed]).data


def checked(node):
    alone = OmegaConf.create({"data": node})
    check(alone, Schema(values=frozenset(), groups=frozenset({"data"})))
    return built(alone.data)


def typed(tree, *more):
    return composed("data=mix", *(f"{key}={value}" for key, value in tree.arguments.items()), *more)


def test_from_the_command_line(tree):
    reader = checked(typed(tree, "data.weights.indiana=2"))
    rejected = Counter()
    for split in SPLITS:
        items = list(reader(split))
        found = [item for item in items if isinstance(item, Study)]
        rejected.update(item.reason for item in items if isinstance(item, Rejected))
        assert [study.study_id for study in found] == tree.ids[split]
        weights = {study.source: study.weight for study in found}
        assert weights == {"openi": 2.0 if split == "train" else 1.0, "vindr": 1.0}
        assert {study.source: study.policy for study in found} == {"openi": "open", "vindr": "credentialed"}
        patients = {study.patient_id.partition("/")[0] for study in found}
        assert patients == {"indiana", ""}
    known = {reason: count for reason, count in tree.rejected.items() if reason not in DECODING}
    assert rejected == known


DECODING = {"image missing", "image broken", "DICOM without pixels"}


def test_faults_of_all_sources_are_reported_at_once(tree):
    node = typed(tree, "data.sources.indiana.rot=1", "data.sources.hanoi.seed=x", "data.weights.hanoi=much")
    with pytest.raises(ConfigError) as caught:
        checked(node)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "data.weights",
        "data.sources.indiana.rot",
        "data.sources.hanoi.seed",
    ]
    assert "did you mean 'root'?" in lines[1]


def test_a_source_needs_its_arguments():
    with pytest.raises(ConfigError, match=r"data.sources.x.root: a value is required"):
        checked(composed("data=mix", "+data@data.sources.x=openi"))


def test_ids_get_the_name_of_their_source():
    mixed = list(read("val", {"a": SMALL, "b": SMALL}))
    alone = list(SMALL("val"))
    assert [study.study_id for study in mixed] == [f"{name}/{study.study_id}" for name in "ab" for study in alone]
    assert len({study.patient_id for study in mixed}) == 2 * len({study.patient_id for study in alone})
    assert [study.labels for study in mixed] == 2 * [study.labels for study in alone]


def test_unknown_patients_stay_unknown_and_faults_keep_their_source(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("image,text,split,patient_id\n1,Clear.,train,\n2,,train,\n")
    study, fault = read("train", {"own": partial(csv.read, manifest=str(path))})
    assert (study.patient_id, study.study_id, study.source) == ("", "own/1", "m")
    assert (fault.where, fault.reason) == ("own/m.csv:3", "empty report")


def test_weights_multiply_in_training_only():
    sources = {"a": partial(read, sources={"c": SMALL}, weights={"c": 3}), "b": SMALL}
    weights = {split: {s.study_id[0]: s.weight for s in read(split, sources, {"a": 0.5})} for split in SPLITS}
    assert weights == {"train": {"a": 1.5, "b": 1}, "val": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"sources": None}, r"data.sources is empty; add sources, such as \+data@data.sources.indiana=openi"),
        ({"sources": {}}, "data.sources is empty"),
        ({"weights": {"c": 1}}, r"data.weights.c: there is no such source; the sources are a, b$"),
        ({"weights": {"a": 0}}, "data.weights.a=0 must be above 0 and at most 20"),
        ({"weights": {"a": 20.5}}, r"data.weights.a=20.5 must be above 0 and at most 20"),
        ({"weights": {"b": -1}}, "data.weights.b=-1 must"),
        ({"sources": {"a": partial(SMALL, on_leak="keep")}}, r"data.sources.a.on_leak: .*set data.on_leak instead"),
        ({"sources": {"a/b": SMALL}}, "has a '/'"),
        ({"sources": {"a": partial(SMALL, side=1)}}, "renders 64 to 512"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        read(**({"split": "train", "sources": {"a": SMALL, "b": SMALL}} | options))


def test_sources_label_for_themselves(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("image,text,split\n1,No effusion.,train\n")
    node = composed(
        "data=mix", "+data@data.sources.x=csv", f"data.sources.x.manifest={path}", "data.sources.x.label_texts=false"
    )
    (study,) = checked(node)("train")
    assert study.labels == {}
