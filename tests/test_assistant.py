import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest

from medxpert import assistant
from medxpert.abstention import stored as stored_abstention
from medxpert.abstention.abstainer import Abstainer, Judgement
from medxpert.assistant import Assistant, Shown
from medxpert.cases import SCHEMA, encode_labels, write_cases
from medxpert.drafting import Drafting
from medxpert.errors import ConfigError, DataError
from medxpert.evidence import stored
from medxpert.evidence.calibrated import CASES, PROBE, Calibration, Platt, Readout
from medxpert.folders import seal
from medxpert.gating import Gate
from medxpert.indexes.filter import Filter
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.writing import write_index
from medxpert.ontology import OBSERVATIONS
from medxpert.reporters.template import TemplateReporter
from medxpert.run import Run, finish_run


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


class Encoder:
    """Sees every picture and reads every text in the direction of the first case."""

    image_side, fingerprint = 8, "e"

    def encode_images(self, pixels):
        return np.eye(4, dtype=np.float32)[:1]

    encode_texts = encode_images


def calibrated(folder: Path, abstainer: Abstainer) -> None:
    """Let one probe say that edema is there, whatever the picture, and nothing of anything else."""
    nothing, ones = np.full(14, np.nan), np.ones(14)
    probe = np.zeros((5, 14))
    probe[:, :] = np.nan
    probe[:, OBSERVATIONS.index("Edema")] = [0, 0, 0, 0, 3]
    readout = Readout(np.zeros((14, 4, 3)), np.full((14, 3), -np.inf), nothing)
    fitted = Calibration(
        mean=np.zeros(4),
        scale=np.ones(4),
        probe=probe,
        prompts=np.zeros((14, 4)),
        sources={PROBE: Platt(ones, np.zeros(14)), CASES: Platt(ones, np.zeros(14))},
        weights={PROBE: ones, CASES: np.zeros(14)},
        bias=np.zeros(14),
        sides=readout,
        severities=readout,
    )
    folder.mkdir(parents=True)
    stored.write(folder, fitted, {})
    stored_abstention.write(folder, abstainer)
    seal(folder, {"encoder": "e", "policy": "open"})


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("MEDXPERT_AUDIT", str(tmp_path / "audit"))
    monkeypatch.setattr(assistant, "open_encoder", lambda folder: Encoder())
    folder = tmp_path / "embeddings" / "train"
    folder.mkdir(parents=True)
    blank = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "thumbnail": b"", "images": 1, "split": "train"}
    cases = [
        blank
        | {
            "study_id": f"s{number}",
            "patient_id": f"p{number // 2}",
            "path": str(tmp_path / f"{number}.png"),
            "labels": encode_labels({"Edema": 1}),
            "source": "phantom",
        }
        for number in range(4)
    ]
    write_cases(folder / "cases.parquet", cases)
    for name in ("1.png", "new.png"):
        PIL.Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    fields = {"encoder": "e", "policy": "open", "split": "train"}
    seal(folder, fields)
    write_index(tmp_path / "index", FlatIndex, Rows(np.eye(4), np.eye(4)), fields)
    calibrated(tmp_path / "calibration", Abstainer(3))
    return finish_run(tmp_path, {"policy": "credentialed"})


def asking(run: Run, policy: str = "private", **parts) -> Assistant:
    return Assistant(run, Drafting(Gate(TemplateReporter())), policy=policy, **parts)


class Captioner:
    """Says the same of every picture, and remembers what size it saw."""

    name, model_id, image_side, policy, trust = "blip", "blip/1", 4, "private", {1: 0.5, 0: -0.5}
    caption = "No pulmonary edema. Left pleural effusion."

    def __call__(self, pixels):
        self.shape = pixels.shape
        return [self.caption]


@pytest.mark.parametrize(
    ("image", "where", "expected"),
    [
        ("new.png", {}, ["s0", "s1", "s2", "s3"]),
        ("1.png", {}, ["s2", "s3"]),
        ("new.png", {"exclude_patient": "p1"}, ["s0", "s1"]),
        ("1.png", {"exclude_patient": "p1"}, []),
    ],
)
def test_evidence_never_comes_from_the_patient_of_an_indexed_image(run, monkeypatch, image, where, expected):
    monkeypatch.chdir(run.path)
    answer = asking(run).ask_image(Path(image), Shown(4, where=Filter(**where)))
    assert sorted(hit.study_id for hit in answer.hits) == expected
    assert sorted(hit.study_id for hit in answer.voters) == expected
    (edema,) = [finding for finding in answer.report.findings if finding.observation == "Edema"]
    assert {*edema.evidence} - {PROBE, CASES} <= {*expected}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("private", "private"), ("open", "credentialed"), ("credentialed", "credentialed")],
)
def test_answer_bears_the_strictest_policy(run, policy, expected):
    answer = asking(run, policy).ask_image(run.path / "new.png", Shown(1))
    assert answer.as_json()["provenance"]["policy"] == expected


def test_another_policy_shares_all_that_is_opened_and_leaves_the_first_as_it_was(run):
    first, stages = asking(run, "private"), []
    other = first.under("open", stages.append)

    answer = other.ask_image(run.path / "new.png", Shown(1))

    assert other.gallery is first.gallery
    assert (first.policy, other.policy, answer.policy) == ("private", "credentialed", "credentialed")
    assert stages == [
        "looking at the image",
        "weighing the evidence of similar cases",
        "writing and checking the report",
    ]
    with pytest.raises(ConfigError, match="secret"):
        first.under("secret")


def test_both_sides_are_compared_unless_one_is_named(run):
    ask = asking(run)
    assert [ask.ask_image(run.path / "new.png", Shown(1)).match, ask.ask_text("edema", Shown(1)).match] == [
        "both",
        "both",
    ]
    assert ask.ask_image(run.path / "new.png", Shown(1, "text")).match == "text"


def test_unknown_policy(run):
    with pytest.raises(ConfigError, match=r"found 'secret'; change .*policy"):
        asking(run, "secret")


def judging(monkeypatch, *told):
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: Judgement(*told))


def test_a_picture_that_the_model_does_not_know_gets_no_report_no_cases_and_no_reply(run, monkeypatch):
    judging(monkeypatch, True, "The picture is blank.", 9.0, 1.5)
    asked = asking(run)
    answer = asked.ask_image(run.path / "new.png", Shown(2))
    assert (answer.report.abstained, answer.report.abstain_reason) == (True, "The picture is blank.")
    assert (answer.hits, answer.report.findings, answer.report.impression) == ((), (), ())
    assert answer.report.provenance["abstention"] == {"score": 9.0, "threshold": 1.5}
    reply = asked.ask_question(run.path / "new.png", "Is there edema?", Shown(2)).reply
    assert (reply.answer, reply.answerable, reply.value) == (
        "Cannot tell from this image: The picture is blank.",
        False,
        "",
    )


def test_a_picture_at_the_edge_gets_weak_support_only(run, monkeypatch):
    judging(monkeypatch, False, "Far away.", 1.4, 1.5, True)
    report = asking(run).ask_image(run.path / "new.png", Shown(2)).report
    assert {finding.support for finding in report.findings} == {"weak"}
    assert "Far away." in report.limitations
    assert all("[weak support]" in sentence for sentence in report.impression)


def test_what_was_not_judged_is_said(run):
    report = asking(run).ask_image(run.path / "new.png", Shown(2)).report
    assert any("was not judged" in sentence for sentence in report.limitations)
    assert {finding.support for finding in report.findings} == {"supported"}


def test_a_text_gets_no_side_no_pixels_and_says_so(run):
    answer = asking(run).ask_text("edema", Shown(2))
    assert answer.query.pixels is None
    assert "No image was looked at" in answer.report.technique
    assert "phantom" in " ".join(answer.report.limitations)


def test_a_run_without_calibration_names_the_command(run):
    shutil.rmtree(run.calibration)
    with pytest.raises(DataError, match=r"python -m medxpert.embed run="):
        asking(run)


def test_a_calibration_of_another_encoder(run):
    seal(run.calibration, {"encoder": "f", "policy": "open"})
    with pytest.raises(DataError, match="another encoder"):
        asking(run)


def test_cases_that_do_not_agree_with_the_query_are_weak_evidence(run):
    report = asking(run).ask_text("no edema", Shown(2)).report
    assert "The similar cases do not agree with the query about: Edema." in report.limitations
    assert {finding.support for finding in report.findings} == {"weak"}
    assert {finding.support for finding in asking(run).ask_text("edema", Shown(2)).report.findings} == {"supported"}


def test_provenance_names_index_calibration_rule_and_what_decided(run):
    told = asking(run).ask_image(run.path / "new.png", Shown(2)).report.provenance
    assert told["encoded_by"] == "Encoder"
    assert {len(told[name]) for name in ("index_sha256", "calibration_sha256")} == {64}
    assert told["rule"] == {"present": 0.4, "uncertain": 0.2, "absent": 0.1}
    assert told["probabilities"]["Edema"] == pytest.approx(0.9526, abs=1e-4)


def test_a_caption_is_evidence_of_its_trust_and_never_a_finding(run):
    captioner = Captioner()
    answer = asking(run, "open", captioner=captioner).ask_image(run.path / "new.png", Shown(2))
    assert captioner.shape == (1, 4, 4)
    assert answer.report.caption == Captioner.caption
    scores = answer.report.provenance["scores"]
    assert scores["Edema"]["caption"] == pytest.approx(1 / (1 + np.exp(0.5)), abs=1e-4)
    assert scores["Pleural Effusion"]["caption"] == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-4)
    assert Captioner.caption not in " ".join(finding.sentence for finding in answer.report.findings)
    assert (answer.policy, answer.report.provenance["captioner"]) == ("private", "blip/1")


def test_a_question_is_answered_from_the_evidence(run):
    answer = asking(run).ask_question(run.path / "new.png", "Is there pulmonary edema?", Shown(2))
    assert (answer.reply.value, answer.reply.answerable, answer.reply.reporter) == ("yes", True, "template")
    assert answer.reply.confidence == pytest.approx(0.9526, abs=1e-4)
    assert {"s0", "probe"} <= answer.cited
    assert answer.report.reporter == "template"


def test_what_changed_needs_a_prior(run):
    ask, question = asking(run), "Is the edema new?"
    alone = ask.ask_question(run.path / "new.png", question, Shown(2)).reply
    assert (alone.answerable, alone.value) == (False, "")
    PIL.Image.fromarray(np.full((8, 8), 9, np.uint8)).save(run.path / "before.png")
    answer = ask.ask_question(run.path / "new.png", question, Shown(2), run.path / "before.png")
    (edema,) = [change for change in answer.report.changes if change.observation == "Edema"]
    assert (edema.course, answer.reply.value) == ("unchanged", "unchanged")
    assert answer.report.comparison != "None."


def test_cases_of_the_patient_of_a_prior_image_are_no_evidence(run):
    PIL.Image.fromarray(np.full((8, 8), 9, np.uint8)).save(run.path / "1.png")
    answer = asking(run).ask_image(run.path / "new.png", Shown(2), prior=run.path / "1.png")
    assert {hit.study_id for hit in answer.voters} == {hit.study_id for hit in answer.hits} == {"s2", "s3"}


def test_a_prior_that_the_model_does_not_know_is_left_out(run, monkeypatch):
    judged = iter([Judgement(False, "", None, None), Judgement(True, "It is blank.", 9.0, 1.5)])
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: next(judged))
    PIL.Image.fromarray(np.full((8, 8), 9, np.uint8)).save(run.path / "before.png")
    report = asking(run).ask_image(run.path / "new.png", Shown(2), prior=run.path / "before.png").report
    assert (report.changes, report.comparison) == ((), "None.")
    assert "The prior image was compared with nothing: It is blank." in report.limitations
