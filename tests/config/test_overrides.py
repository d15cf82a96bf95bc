import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from medxpert.config.overrides import LITERAL_KEYS, rewrite

GROUPS = {"model", "data"}
TEXTS = [
    "no effusion, no pneumothorax",
    "it's",
    "a(1).png",
    "C:\\x y.png",
    "C:\\folder\\",
    "a=b",
    "",
    " padded ",
    "[1, 2]",
    "{a: 1}",
    "x${y}",
    "\\${y}",
    "${",
    "${z}\\",
    "\\'",
    "it's \\\\' both",
    '"',
    "'",
    "true",
    "1e-3",
    "two\nlines",
    "épanchement",
]


def parsed(override):
    return OverridesParser.create().parse_overrides([override])[0]


def value_of(override):
    cfg = OmegaConf.create({})
    OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=True)
    return cfg[override.key_or_group]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("key", sorted(LITERAL_KEYS))
def test_literal_value_arrives_letter_by_letter(key, text):
    override = parsed(rewrite(f"{key}={text}", GROUPS))
    assert value_of(override) == text
    assert not override.is_sweep_override()


@pytest.mark.parametrize("text", TEXTS)
def test_literal_value_survives_a_sweep(text):
    override = parsed(rewrite(f"query={text}", GROUPS))
    again = parsed(f"{override.get_key_element()}={override.get_value_element_as_str()}")
    assert value_of(again) == text


@pytest.mark.parametrize("typed", ['query="it\'s a, b"', "query='it's a, b'"])
def test_one_pair_of_quotes_around_a_literal_is_taken_off(typed):
    assert value_of(parsed(rewrite(typed, GROUPS))) == "it's a, b"


def test_null_clears_a_literal_key():
    assert value_of(parsed(rewrite("image=null", GROUPS))) is None


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("optimizer.lr=1e-3,1e-4", "++optimizer.lr=1e-3,1e-4"),
        ("seed=1", "++seed=1"),
        ("data.images=a,b", "++data.images=a,b"),
        ("model=clip_b32", "model=clip_b32"),
        ("model.width=3", "++model.width=3"),
        ("model.width=null", "++model.width=null"),
        ("model=null", "model='null'"),
        ("model=[a, Null,5]", "model=[a, 'Null','5']"),
        ("model=true,nullable,5b,2", "model='true',nullable,'5b','2'"),
        ("model='null'", "model='null'"),
        ("model={a: null, b: 1, c: 2}", "model={a: null, b: 1, c: 2}"),
        ("hydra/launcher=basic", "hydra/launcher=basic"),
        ("data@test=csv", "data@test=csv"),
        ("hydra.run.dir=x", "hydra.run.dir=x"),
        ("+new=1", "+new=1"),
        ("~logger", "~logger"),
        ("~logger=csv", "~logger=csv"),
        ("words", "words"),
    ],
)
def test_prefix(typed, expected):
    assert rewrite(typed, GROUPS) == expected


@pytest.mark.parametrize("typed", ["seed=1", "model=a,null", "query=a, 'b'\\", "model=x", "run=${now}"])
def test_rewriting_twice_changes_nothing(typed):
    once = rewrite(typed, GROUPS)
    assert rewrite(once, GROUPS) == once
