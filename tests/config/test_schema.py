import pytest

from medxpert.config.schema import conf_folder, read_schema
from medxpert.errors import ConfigError

TRAIN = """
defaults:
  - _self_
  - data: phantom
  - optional experiment: null
  - db/index@search: flat
  - shapes/small: x
  - override hydra/job_logging: none
  - plain
seed: 0
data: {cache: true}
filters: {}
hydra: {output_subdir: null}
"""


def test_values_and_groups(tmp_path):
    (tmp_path / "train.yaml").write_text(TRAIN)
    schema = read_schema(tmp_path, "train")
    assert schema.groups == {"data", "experiment", "search", "shapes"}
    assert schema.values == {"seed", "filters"}


@pytest.mark.parametrize(
    ("text", "message"), [(None, "no such file"), ("- 1", "expected a mapping, found a ListConfig")]
)
def test_unusable_primary(tmp_path, text, message):
    if text:
        (tmp_path / "train.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_schema(tmp_path, "train")


def test_conf_folder_holds_the_commands():
    assert (conf_folder() / "train.yaml").is_file()
