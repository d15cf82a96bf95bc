import pytest
from omegaconf import OmegaConf

from medxpert.config.chain import chain_of
from medxpert.errors import DataError

CLIP = {"_target_": "builtins.dict", "_partial_": True, "of": "clip"}
CAPTIONS = {"_target_": "builtins.dict", "_partial_": True, "of": "captions"}


def chain(resume=None):
    return chain_of(OmegaConf.create({"chain": CLIP, "resume": resume}))()["of"]


def run(folder, text):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(text)


def test_chain_of_the_recipe():
    assert chain() == "clip"


def test_chain_that_a_run_has_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "outputs" / "mine", OmegaConf.to_yaml(OmegaConf.create({"chain": CAPTIONS})))
    assert chain("mine") == chain("outputs/mine") == "captions"


def test_older_run_has_kept_none_and_one_that_is_missing_is_told_later(tmp_path):
    run(tmp_path / "old", "seed: 0\n")
    assert chain(str(tmp_path / "old")) == chain("nowhere") == "clip"


@pytest.mark.parametrize("text", ["{", "3"])
def test_broken_configuration(tmp_path, text):
    run(tmp_path / "run", text)
    with pytest.raises(DataError, match="is missing or broken"):
        chain(str(tmp_path / "run"))
