import json

import pytest
from sweeping.conftest import leave_job, leave_run

from medxpert.config.jobs import JobRecord
from medxpert.sweeping.outcomes import best, outcomes

RUNNING = JobRecord(0, "running")


def test_recall_is_the_mean_of_both_directions(tmp_path):
    leave_job(tmp_path, 0, 0.25)
    (job,) = outcomes(tmp_path)
    assert job.recall == pytest.approx({1: 0.1, 10: 0.25})
    assert (job.status, job.policy, job.exit_status) == ("finished", "open", 0)


def test_job_that_died_and_job_that_was_stopped_with_the_sweep(tmp_path):
    leave_job(tmp_path, 0, RUNNING)
    (died,) = outcomes(tmp_path)
    (stopped,) = outcomes(tmp_path, interrupted=True)
    assert (died.status, died.exit_status, stopped.status, stopped.exit_status) == ("failed", 1, "interrupted", 130)
    assert "without a word" in died.reason


def test_interrupted_job_that_was_resumed_has_finished(tmp_path):
    leave_run(leave_job(tmp_path, 0, JobRecord(0, "interrupted", "", 130)), 0.5)
    assert outcomes(tmp_path)[0].status == "finished"


def test_pool_too_small_for_recall_at_10(tmp_path):
    path = leave_job(tmp_path, 0, 0.5) / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["adapted"]["val"]["text_to_image"]["identity"]["recall@10"]
    path.write_text(json.dumps(metrics))
    assert outcomes(tmp_path)[0].recall == pytest.approx({1: 0.1})


def test_finished_come_first_even_without_figures(tmp_path):
    leave_job(tmp_path, 0, JobRecord(0, "failed", "x", 1))
    (leave_job(tmp_path, 1, 0.5) / "metrics.json").unlink()
    leave_job(tmp_path, 2, 0.5)
    leave_job(tmp_path, 3, 0.5)
    assert [one.number for one in outcomes(tmp_path)] == [2, 3, 1, 0]
    assert best(outcomes(tmp_path)).number == 2


def test_no_best_where_nothing_finished(tmp_path):
    leave_job(tmp_path, 0, JobRecord(0, "failed", "x", 1))
    assert best(outcomes(tmp_path)) is None


def test_captioners_are_ranked_by_label_f1(tmp_path):
    for number, f1 in enumerate((0.4, 0.6)):
        path = leave_job(tmp_path, number, 0.5) / "metrics.json"
        told = {"policy": "open", "captions": {"val": {"agreement": {"captioner": {"f1": {"value": f1}}}}}}
        path.write_text(json.dumps(told))
    found = outcomes(tmp_path)
    assert [(one.number, one.objective) for one in found] == [(1, 0.6), (0, 0.4)]
    assert best(found).number == 1
