"""What train.py, evaluate.py and infer.py leave behind, and what others may rely on."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import yaml

from medxpert.folders import verified
from medxpert.models.inference import open_encoder
from medxpert.run import open_run

ROOT = Path(__file__).parents[1]
RECALLS = {"recall@1", "recall@5", "recall@10"}


@pytest.fixture
def run(project):
    return open_run("latest", project / "outputs")


def test_run_holds_every_artefact_sealed_with_its_policy(run):
    for name in ("embeddings/train", "embeddings/val", "embeddings/test", "index", "prompts", "samples", "calibration"):
        assert verified(run.path / name)["policy"] == "open"
    for name in ("config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "metrics.json", "rejected.csv"):
        assert (run.path / name).is_file(), name
    assert run.provenance["starting_stage"] == "untrained"
    assert yaml.safe_load((run.path / "config.yaml").read_text())["data"]["num_studies"] == 150


def test_metrics_have_the_shape_that_others_rely_on(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    for stage in ("untrained", "adapted"):
        for split in ("val", "test", "test_abnormal"):
            for direction in ("image_to_text", "text_to_image"):
                for relevance in ("identity", "same_text", "deduplicated"):
                    figures = metrics[stage][split][direction][relevance]
                    assert set(figures) >= (RECALLS if split != "val" else {"recall@1"})
                    for figure in figures.values():
                        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
            assert {"pool", "chance"} <= set(metrics[stage][split])
    assert metrics["looks"] == {"test": 1, "test_shift": 1}


def test_train_and_test_share_no_patient_and_the_index_holds_train(run):
    patients = {split: set(run.embeddings(split).cases.patient_ids) for split in ("train", "val", "test")}
    assert not patients["train"] & patients["test"]
    assert not patients["train"] & patients["val"]
    assert not patients["val"] & patients["test"]
    assert verified(run.index)["split"] == "train"


def test_best_checkpoint_is_what_was_exported(run):
    checkpoint = torch.load(run.path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    encoder = open_encoder(run.model)
    test = run.embeddings("test")
    pixels = np.asarray(PIL.Image.open(run.path / "samples" / "sample_1.png"))
    truth = json.loads((run.path / "samples" / "truth.json").read_text())[0]
    row = test.cases.study_ids.index(truth["study_id"])
    np.testing.assert_allclose(encoder.encode_images(pixels[None])[0], test.image[row], atol=2e-3)
    np.testing.assert_allclose(encoder.encode_texts([truth["text"]])[0], test.text[row], atol=2e-3)
    assert "model.logit_scale" in checkpoint


def test_evaluate_leaves_a_page_plots_and_answers(run):
    page = (run.path / "report.html").read_text()
    assert "not for diagnosis" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert len(list((run.path / "plots").glob("*.png"))) >= 5
    with (run.path / "retrieval_topk.csv").open() as file:
        first = next(csv.DictReader(file))
    assert {"query_study", "rank", "hit_study", "score"} <= set(first)


def test_infer_writes_the_answer_to_an_image(run, command, tmp_path, project):
    outcome = command(
        "infer.py", f"image={run.path}/samples/sample_3.png", "top_k=7", f"output={tmp_path}/a", cwd=project
    )
    assert outcome.status == 0, outcome.err
    assert "Research use only" in outcome.out
    result = json.loads((tmp_path / "a" / "result.json").read_text())
    assert [hit["rank"] for hit in result["hits"]] == list(range(1, 8))
    scores = [hit["score"] for hit in result["hits"]]
    assert scores == sorted(scores, reverse=True)
    train = set(run.embeddings("train").cases.study_ids)
    assert {hit["study_id"] for hit in result["hits"]} <= train
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert report == result["report"]
    assert (report["abstained"], report["reporter"], report["fallback_reason"]) == (False, "template", "")
    scores = {"zero-shot", "cases", "probe"}
    assert {name for finding in report["findings"] for name in finding["evidence"]} <= train | scores
    assert report["provenance"]["policy"] == "private"
    assert {"report.md", "report.html"} <= {path.name for path in (tmp_path / "a").iterdir()}
    assert PIL.Image.open(tmp_path / "a" / "similar_cases.png").width > 500


def test_infer_takes_a_text_letter_by_letter(command, tmp_path, project):
    query = "it's a large effusion, no pneumothorax (left)"
    outcome = command("infer.py", f"query={query}", f"output={tmp_path}/a", cwd=project)
    assert outcome.status == 0, outcome.err
    assert json.loads((tmp_path / "a" / "result.json").read_text())["query"] == query


def test_infer_excludes_the_querys_own_patient(run, command, tmp_path, project):
    patient = run.embeddings("train").cases.patient_ids[0]
    text = run.embeddings("train").cases.texts[0]
    for where, expected in (((), True), ((f"filter.exclude_patient={patient}",), False)):
        outcome = command("infer.py", f"query={text}", "match=text", f"output={tmp_path}/a", *where, cwd=project)
        assert outcome.status == 0, outcome.err
        result = json.loads((tmp_path / "a" / "result.json").read_text())
        assert (patient in {hit["patient_id"] for hit in result["hits"]}) == expected


def test_a_private_image_is_not_sent_and_the_template_report_is_written(run, command, tmp_path, project, monkeypatch):
    monkeypatch.setenv("MEDXPERT_AUDIT", str(tmp_path / "audit"))
    monkeypatch.setenv("GEMINI_API_KEY", "canary-key")
    image = f"image={run.path}/samples/sample_1.png"
    outcome = command("infer.py", image, "reporter=gemini", f"output={tmp_path}/a", cwd=project)
    assert outcome.status == 4
    assert "nothing was sent to Gemini API: the query is private" in outcome.err
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert (report["reporter"], report["provenance"]["reporter_asked"]) == ("template", "gemini")
    assert "policy=open" in report["fallback_reason"]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if b"canary-key" in path.read_bytes()]


def test_dry_run_shows_the_request_and_ends_well(run, command, project, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDXPERT_AUDIT", str(tmp_path / "audit"))
    image = f"image={run.path}/samples/sample_1.png"
    outcome = command("infer.py", image, "policy=open", "reporter=gemini", "reporter.dry_run=true", cwd=project)
    assert outcome.status == 0, outcome.err
    assert "systemInstruction" in outcome.out
    assert "case-1" in outcome.out
    assert not any(
        study in outcome.out.partition("Cases whose")[0] for study in run.embeddings("train").cases.study_ids
    )


def test_a_folder_is_reported_on(run, command, tmp_path, project):
    outcome = command("infer.py", f"images={run.path}/samples", f"output={tmp_path}/a", cwd=project)
    assert outcome.status == 0, outcome.err
    with (tmp_path / "a" / "reports.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [f"sample_{n}.png" for n in range(1, 9)]


@pytest.mark.slow
def test_reports_are_measured(run, command, tmp_path, project):
    outcome = command("evaluate.py", "reports=true", f"output={tmp_path}/a", cwd=project)
    assert outcome.status == 0, outcome.err
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    for split in ("test", "test_shift"):
        figures = metrics["reports"][split]["agreement"]
        assert figures["oracle"]["f1"]["value"] == 1
        assert figures["nearest"]["f1"]["value"] > 0
    assert "reports, each observation" in (tmp_path / "a" / "report.html").read_text()
    assert (tmp_path / "a" / "plots" / "confidence.png").is_file()


HEAVY = ("torch", "pytorch_lightning", "wandb", "datasets", "open_clip", "transformers", "matplotlib", "sklearn")
HEAVY += ("google.genai", "openai", "pydantic", "httpx2", "simple_icd_10_cm", "pandas", "pyarrow.compute", "asyncio")
COMPOSING = ("hydra", "omegaconf", "antlr4", "yaml")


def test_infer_loads_nothing_heavy(run, project):
    code = (
        "import runpy, sys; sys.argv = ['infer.py', sys.argv[1]]\n"
        f"try: runpy.run_path({str(ROOT / 'infer.py')!r}, run_name='__main__')\n"
        f"finally: print('LOADED', [name for name in {HEAVY + COMPOSING!r} if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, f"image={run.path}/samples/sample_1.png"]
    first, second = (subprocess.run(words, cwd=project, capture_output=True, text=True) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert not any(f"'{name}'" in first.stdout for name in HEAVY)
    assert second.stdout == re.sub(r"LOADED \[.*\]", "LOADED []", first.stdout)


def test_embed_makes_the_index_again(copied_run, monkeypatch, capsys):
    import medxpert.embed

    before = verified(copied_run / "index")
    (copied_run / "index" / "image.index").write_bytes(b"broken")
    monkeypatch.setattr(sys, "argv", ["embed.py", f"run={copied_run}"])
    medxpert.embed.main()
    assert verified(copied_run / "index") == before


def test_embed_refuses_other_data_than_the_runs(copied_run, monkeypatch, capsys):
    import medxpert.embed

    path = copied_run / "provenance.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps(known | {"stores": known["stores"] | {"val": "another"}}))
    before = verified(copied_run / "embeddings" / "val")
    monkeypatch.setattr(sys, "argv", ["embed.py", f"run={copied_run}"])
    with pytest.raises(SystemExit) as ended:
        medxpert.embed.main()
    assert ended.value.code == 3
    assert "changed since it was made (val)" in capsys.readouterr().err
    assert verified(copied_run / "embeddings" / "val") == before


def test_nothing_is_left_beside_the_runs(project):
    assert sorted(path.name for path in project.iterdir()) == ["outputs"]
    assert len(list((project / "outputs").iterdir())) == 2
