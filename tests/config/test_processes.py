import os
import signal
import sys
import threading
import time

import pytest

from medxpert.config.jobs import JOB, JobRecord, read_record
from medxpert.config.processes import Command, run_processes

RECORD = "import sys, os, time, json; from pathlib import Path; folder = Path(sys.argv[1]); folder.mkdir();"


@pytest.fixture
def commands(tmp_path):
    """Make commands of Python programs, each told its folder."""

    def make(*programs):
        return [
            Command(number, folder := tmp_path / str(number), (sys.executable, "-c", RECORD + program, str(folder)), "")
            for number, program in enumerate(programs)
        ]

    return make


def test_each_knows_its_number(commands):
    jobs = commands(*["(folder / 'seen').write_text(os.environ['MEDXPERT_SWEEP_JOB'])"] * 2)
    run_processes(jobs, 1)
    assert [(job.folder / "seen").read_text() for job in jobs] == ["0", "1"]
    assert "MEDXPERT_SWEEP_JOB" not in os.environ


@pytest.mark.parametrize("at_once", [1, 2])
def test_so_many_at_a_time(commands, at_once):
    # each waits for the next one's folder, which only one that runs beside it makes
    longest = 2 if at_once == 1 else 60
    wait = "t = time.time(); other = folder.parent / str(1 - int(folder.name))\n"
    wait += f"while not other.exists() and time.time() < t + {longest}: time.sleep(.02)\n"
    wait += "(folder / 'met').write_text(str(time.time() - t))"
    jobs = commands(*[wait] * 2)
    run_processes(jobs, at_once)
    assert (float((jobs[0].folder / "met").read_text()) < longest) == (at_once == 2)


def test_death_is_written_down_where_the_job_could_not(commands):
    told = JobRecord(2, "failed", "its own words", 3)
    running = JobRecord(0, "running")
    jobs = commands(
        f"(folder / '{JOB}').write_text(json.dumps({running._asdict()})); os.kill(os.getpid(), 9)",
        "sys.exit(1)",
        f"(folder / '{JOB}').write_text(json.dumps({told._asdict()})); sys.exit(3)",
        "pass",
    )
    run_processes(jobs, 1)
    assert read_record(jobs[0].folder) == JobRecord(0, "failed", "killed by SIGKILL", 1)
    assert read_record(jobs[1].folder) == JobRecord(1, "failed", "ended with status 1", 1)
    assert read_record(jobs[2].folder) == told
    assert not (jobs[3].folder / JOB).exists()


def _terminate_when(ready):
    for _ in range(1200):
        if ready.exists():
            break
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def test_termination_ends_the_jobs_too(commands):
    sleep = "\nimport signal, sys\nsignal.signal(15, lambda *_: sys.exit((folder / 'interrupted').touch()))"
    jobs = commands(f"{sleep}\n(folder / 'ready').touch()\ntime.sleep(60)", "pass")
    threading.Thread(target=_terminate_when, args=(jobs[0].folder / "ready",)).start()
    with pytest.raises(KeyboardInterrupt):
        run_processes(jobs, 1)
    assert (jobs[0].folder / "interrupted").exists()
    assert not jobs[1].folder.exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
