"""What a training makes of SLURM's variables; no cluster is needed."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from medxpert.cluster import tasks_of_srun
from medxpert.config.schema import conf_folder
from medxpert.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:.*Defaults list is missing `_self_`:UserWarning")
TASK = {"SLURM_STEP_ID": "0", "SLURM_NNODES": "2", "SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4"}


def trainer():
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return OmegaConf.to_container(compose("trainer/slurm").trainer, resolve=True)


def test_every_task_is_a_process(monkeypatch):
    for name, value in (TASK | {"SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NODEID": "1"}).items():
        monkeypatch.setenv(name, value)
    place = tasks_of_srun()
    assert (place.world_size(), place.global_rank(), place.local_rank(), place.node_rank()) == (8, 5, 1, 1)
    assert not place.auto_requeue
    assert (trainer()["num_nodes"], trainer()["devices"]) == (2, 4)


def test_a_batch_script_that_forgets_srun(monkeypatch):
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    with pytest.raises(ConfigError, match="not started by srun; write 'srun python train"):
        tasks_of_srun()


def test_one_process_where_slurm_says_nothing(monkeypatch):
    for name in TASK:
        monkeypatch.delenv(name, raising=False)
    assert (trainer()["num_nodes"], trainer()["devices"]) == (1, 1)
