"""A cluster of two nodes on this machine: slurmctld, two slurmd and munged on loopback, without systemd."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "sinfo", "scancel")
PARTITION = "work"
"""The only one, and not the default: a job without a partition is refused."""

CONF = """\
ClusterName=medxpert
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
MinJobAge=3600
KillWait=30
ReturnToService=2
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname={host} Port={ports[1]} CPUs=1
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname={host} Port={ports[2]} CPUs=1
PartitionName={partition} Nodes=n1,n2 MaxTime=INFINITE
"""


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Cluster:
    """What a user of the cluster types."""

    folder: Path
    environment: dict[str, str]
    partition: str = PARTITION
    wait_until = staticmethod(wait_until)

    def call(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=300
        )

    def submit(self, script: Path, *arguments: str, cwd: Path) -> str:
        """Hand a script to sbatch; return the number of the job."""
        done = self.call("sbatch", "--parsable", f"--partition={PARTITION}", str(script), *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """Return what `scontrol show job` knows."""
        words = self.call("scontrol", "--oneliner", "show", "job", number).stdout.split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def finish(self, number: str, seconds: float = 300) -> dict[str, str]:
        """Wait until a job is over, and return what is known of it."""
        over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        wait_until(lambda: self.job(number)["JobState"] in over, seconds, f"job {number} is over")
        return self.job(number)

    def begin_again(self, number: str) -> None:
        """Spare a requeued job the two minutes that SLURM lets it wait."""
        wait_until(lambda: self.job(number)["JobState"] == "PENDING", 180, f"job {number} has left its nodes")
        self.call("scontrol", "update", f"JobId={number}", "StartTime=now")


@pytest.fixture(scope="session")
def cluster(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start the cluster, and stop it whatever happens."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        pytest.skip(f"{absent[0]} is not installed: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs as root only")
    folder = tmp_path_factory.mktemp("cluster")
    environment = without_slurm() | {"SLURM_CONF": str(folder / "slurm.conf"), "MASTER_ADDR": "127.0.0.1"}
    started = Cluster(folder, environment)
    write_conf(folder)
    with ExitStack() as daemons:
        daemons.enter_context(daemon(started, "munged", "--foreground", "--force", *munge_files(folder)))
        wait_until((folder / "munge.socket").exists, 60, "munged listens")
        daemons.enter_context(daemon(started, "slurmctld", "-D"))
        for node in ("n1", "n2"):
            daemons.enter_context(daemon(started, "slurmd", "-D", "-N", node))
        wait_until(lambda: idle_nodes(started) == ["n1", "n2"], 180, f"both nodes are idle; see {folder}")
        yield started
        leave(started)


def without_slurm() -> dict[str, str]:
    """Return the environment of a user who sits outside every job."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH", "SUBMITIT"))}


def write_conf(folder: Path) -> None:
    host = socket.gethostname().partition(".")[0]
    text = CONF.format(host=host, folder=folder, ports=free_ports(3), partition=PARTITION)
    (folder / "slurm.conf").write_text(text)
    for name in ("state", "n1", "n2"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(1024))


def munge_files(folder: Path) -> list[str]:
    # --force: only root can enter pytest's folders, and only root is to
    kinds = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    return [f"--{option}={folder}/munge.{ending}" for option, ending in kinds.items()]


def free_ports(number: int) -> list[int]:
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def daemon(cluster: Cluster, *words: str) -> Iterator[None]:
    """Keep a program running in the foreground of nothing; its output goes to a file of its name."""
    name = "-".join(word for word in words[:4] if not word.startswith("-"))
    with (cluster.folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(words, env=cluster.environment, stdout=out, stderr=out, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def idle_nodes(cluster: Cluster) -> list[str]:
    lines = cluster.call("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.splitlines()
    return sorted(name for name, state in (line.split() for line in lines) if state == "idle")


def leave(cluster: Cluster) -> None:
    """Cancel what a failed test left behind, and let it end while the daemons can still see to it."""
    cluster.call("scancel", f"--partition={PARTITION}")
    cluster.call("scancel", f"--partition={PARTITION}", "--signal=KILL")
    wait_until(lambda: not cluster.call("squeue", "--noheader").stdout.strip(), 180, "all jobs are over")
