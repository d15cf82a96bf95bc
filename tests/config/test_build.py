import pickle
from dataclasses import dataclass

import pytest
from omegaconf import OmegaConf

from medxpert.config.arguments import arguments
from medxpert.config.build import build, resolve
from medxpert.errors import ConfigError, DataError


@dataclass
class Shape:
    side: int


def node(text, key="model"):
    return OmegaConf.create(text)[key]


@pytest.mark.usefixtures("parts")
class TestBuild:
    def test_null_builds_none(self):
        assert build(None) is None
        assert build(node("model: null")) is None

    def test_below_it_all_containers_are_plain(self):
        built = build(node("model: {_target_: parts.anything, a: {b: [1, {c: 2}]}, d: '${model.a.b}'}"))
        assert built == {"a": {"b": [1, {"c": 2}]}, "d": [1, {"c": 2}]}
        assert type(built["a"]) is dict
        assert type(built["d"]) is list

    def test_mapping_of_nodes_builds_a_dict(self):
        built = build(node("model: {one: {_target_: parts.Adam, lr: 2}, two: null}"))
        assert built["one"].lr == 2
        assert built["two"] is None

    def test_arguments_of_the_program_arrive_as_they_are(self):
        shape, weights = Shape(3), ["a"]
        built = build(node("model: {_target_: parts.anything, width: 2, shape: 1}"), shape=shape, weights=weights)
        assert built["shape"] is shape
        assert built["weights"] is weights
        assert built["width"] == 2

    def test_partial_node_is_called_later_and_pickles(self):
        text = "data: {_target_: parts.read, _partial_: true, path: here, views: [PA]}"
        for read in (build(node(text, "data")), build(node(text, "data"), order="date")):
            again = pickle.loads(pickle.dumps(read))
            assert again("train")[:3] == ("train", "here", ["PA"])
        assert again("train")[3] == "date"

    @pytest.mark.parametrize("arguments", [{}, {"freeze": None}])
    def test_refused_value_names_the_node_in_one_line(self, arguments):
        with pytest.raises(ConfigError, match=r"^model: width must be at least 1, found 0$"):
            build(node("model: {_target_: parts.Model, width: 0}"), **arguments)

    def test_refusal_deeper_down_names_the_inner_node(self):
        with pytest.raises(ConfigError, match=r"^model\.part: width must be"):
            build(node("model: {_target_: parts.anything, part: {_target_: parts.Model, width: 0}}"))

    @pytest.mark.parametrize("arguments", [{}, {"freeze": None}])
    def test_errors_of_ours_pass_unchanged(self, arguments):
        with pytest.raises(DataError, match=r"^weights are broken$"):
            build(node("model: {_target_: parts.Model, width: 1, weights: broken}"), **arguments)

    def test_bugs_are_not_blamed_on_the_configuration(self):
        with pytest.raises(AttributeError, match="a bug of ours"):
            build(node("model: {_target_: parts.bug}"))


def test_resolve_follows_references_and_drops_secrets():
    cfg = OmegaConf.create(
        """
        seed: 1
        same: ${seed}
        reporter: {api_key: x, hf_token: x, password: x, max_tokens: 5, tokenizer: clip, nested: [{secret: x, b: 1}]}
        """
    )
    assert resolve(cfg) == {
        "seed": 1,
        "same": 1,
        "reporter": {"max_tokens": 5, "tokenizer": "clip", "nested": [{"b": 1}]},
    }


def test_arguments_are_listed_for_a_help():
    cfg = OmegaConf.create(
        {"data": {"_target_": "medxpert.data.readers.openi.read", "_partial_": True, "root": "x", "policy": "open"}}
    )
    lines = [line.strip() for line in arguments("data", _root_=cfg).splitlines()]
    assert lines[:2] == ["data.root=x", "data.reports=null"]
    assert {"data.policy=open", "data.labels=rules", "data.on_leak=null", "data.limit=null"} <= set(lines)
    assert not [line for line in lines if line.startswith("data.split")]
