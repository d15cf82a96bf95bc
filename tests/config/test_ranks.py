import pytest

from medxpert.config.ranks import outer_rank, own_rank

STEP = {"SLURM_NTASKS": "2", "SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_JOB_NAME": "train"}


@pytest.mark.parametrize(
    ("environment", "outer", "own"),
    [
        ({}, None, 0),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "LOCAL_RANK": "1"}, 3, 3),
        ({"LOCAL_RANK": "1"}, None, 1),  # a process that Lightning started
        ({"RANK": "1"}, None, 0),
        (STEP, 1, 1),
        (STEP | {"SLURM_NTASKS": "1"}, None, 0),
        (STEP | {"SLURM_JOB_NAME": "bash"}, None, 0),
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, None, 0),  # a batch script without srun
    ],
)
def test_rank(monkeypatch, environment, outer, own):
    for name in (*STEP, "TORCHELASTIC_RUN_ID", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (outer_rank(), own_rank()) == (outer, own)
