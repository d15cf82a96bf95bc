import pytest
from omegaconf import OmegaConf

from medxpert.errors import ConfigError
from medxpert.measuring import measure

KEYS = {
    "run": "latest",
    "split": "test",
    "embeddings": None,
    "train": None,
    "compare": None,
    "transfer": None,
    "probe": False,
    "details": False,
    "output": None,
    "reports": False,
    "seed": 0,
}


@pytest.mark.parametrize("split", ["../test", "a/b", "", None, "a b", "test\n", "."])
@pytest.mark.parametrize("what", [{"embeddings": "gone"}, {"compare": "a,b"}, {"run": "gone"}])
def test_a_split_is_a_plain_name(split, what):
    with pytest.raises(ConfigError, match=r"split=.*expected a name of letters, digits, _ and -"):
        measure(OmegaConf.create(KEYS | what | {"split": split}))


def test_a_plain_name_goes_on():
    with pytest.raises(ConfigError, match="embeddings=gone: no such folder"):
        measure(OmegaConf.create(KEYS | {"split": "chest_14-b", "embeddings": "gone"}))
