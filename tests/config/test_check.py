import pytest
from omegaconf import OmegaConf

from medxpert.config.check import check
from medxpert.config.schema import Schema
from medxpert.errors import ConfigError

SCHEMA = Schema(frozenset({"seed", "max_rejected", "run"}), frozenset({"model", "data", "callbacks", "optimizer"}))
GOOD = """
seed: 0
run: null
model: {_target_: parts.Model, width: 3, freeze: {_target_: parts.Freeze, blocks: 2}, shape: anything}
optimizer: {_target_: parts.Adam, _partial_: true, lr: 1, betas: [0.9, 0.99], eps: null}
data: {_target_: parts.read, _partial_: true, path: here, views: [PA]}
callbacks: {best: {_target_: parts.Adam}, last: null, several: [{_target_: parts.Adam, lr: "${seed}"}]}
"""


def faults(text, schema=SCHEMA):
    with pytest.raises(ConfigError) as caught:
        check(OmegaConf.create(text), schema)
    return str(caught.value).splitlines()


@pytest.mark.usefixtures("parts")
class TestCheck:
    def test_good_configuration_passes(self):
        check(OmegaConf.create(GOOD), SCHEMA)

    def test_all_faults_come_at_once(self):
        found = faults(
            "{sed: 1, run: '???', model: {_target_: parts.Model, widht: 3}, optimizer: {_target_: parts.Nobody}}"
        )
        assert len(found) == 5

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("sed: 1", "sed: unknown key; did you mean 'seed'?"),
            ("zzz: 1", "zzz: unknown key; known: callbacks, data, max_rejected, model, optimizer, run, seed"),
            ("seed: ???", "seed: a value is required; set seed=..."),
            (
                "seed: ${model.seed}",
                "seed: cannot resolve '${model.seed}' (Interpolation key 'model.seed' not found); set seed=...",
            ),
            (
                "seed: ${oc.env:NOT_SET_ANYWHERE}",
                "seed: cannot resolve '${oc.env:NOT_SET_ANYWHERE}' "
                "(\"Environment variable 'NOT_SET_ANYWHERE' not found\"); set seed=...",
            ),
            ("seed: ${seed}", "seed: cannot resolve '${seed}' (Recursive interpolation detected); set seed=..."),
            (
                "optimizer: {_target_: parts.Adam, lr: fast}",
                "optimizer.lr: expected float, found 'fast'",
            ),
            (
                "optimizer: {_target_: parts.Adam, betas: [1, 2, 3]}",
                "optimizer.betas: expected tuple[float, float], found [1, 2, 3]",
            ),
            ("optimizer: {_target_: parts.Adam, fused: 1}", "optimizer.fused: expected bool, found 1"),
            (
                "optimizer: {_target_: parts.Adam, betsa: 1}",
                "optimizer.betsa: Adam takes no 'betsa'; did you mean 'betas'?",
            ),
            (
                "optimizer: {_target_: parts.Adam, momentum: 1}",
                "optimizer.momentum: Adam takes no 'momentum'; known: betas, eps, fused, lr",
            ),
            ("model: {_target_: parts.Model}", "model.width: Model needs a value; set model.width=..."),
            ("model: {_target_: parts.Model, width: '???'}", "model.width: a value is required; set model.width=..."),
            ("model: {_target_: parts.Model, width: null}", "model.width: expected int, found null"),
            ("model: {_target_: parts.Model, width: 1, freeze: 3}", "model.freeze: expected Freeze | null, found 3"),
            (
                "model: {_target_: parts.Model, width: 1, freeze: {_target_: parts.Freeze, block: 1}}",
                "model.freeze.block: Freeze takes no 'block'; did you mean 'blocks'?",
            ),
            (
                "data: {_target_: parts.read, _partial_: true, path: '???'}",
                "data.path: a value is required; set data.path=...",
            ),
            (
                "data: {_target_: parts.read, _partial_: true, order: size}",
                "data.order: expected 'name' | 'date', found 'size'",
            ),
            (
                "data: {_target_: parts.read, _partial_: true, views: PA}",
                "data.views: expected list[str], found 'PA'",
            ),
            (
                "model: {_target_: nowhere.Model}",
                "model._target_: cannot import 'nowhere.Model': No module named 'nowhere'",
            ),
            (
                "callbacks: {best: {_target_: parts.Adam}, bset: {lr: 3}}",
                "callbacks.bset.lr: nothing reads it; correct the name, or give a choice of callbacks= that has it; "
                "did you mean 'best'?",
            ),
            (
                "callbacks: [{lr: 3}]",
                "callbacks[0].lr: nothing reads it; correct the name, or give a choice of callbacks= that has it",
            ),
            (
                "model: {width: 3}",
                "model.width: nothing reads it; correct the name, or give a choice of model= that has it",
            ),
            (
                "callbacks: {several: [{_target_: parts.Adam, betsa: 1}]}",
                "callbacks.several[0].betsa: Adam takes no 'betsa'; did you mean 'betas'?",
            ),
        ],
    )
    def test_fault(self, text, fault):
        assert faults(text) == [fault]

    def test_target_with_free_arguments_takes_any_name(self):
        check(OmegaConf.create("model: {_target_: parts.anything, a: 1, b: text}"), SCHEMA)

    def test_unnamed_arguments_count_as_given(self):
        check(OmegaConf.create("model: {_target_: parts.Model, _args_: [3]}"), SCHEMA)

    def test_target_without_a_signature_is_left_to_itself(self):
        check(OmegaConf.create("model: {_target_: builtins.dict, a: 1}"), SCHEMA)
