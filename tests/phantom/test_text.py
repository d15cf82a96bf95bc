import collections
import re

import numpy as np
import pytest

from medxpert.ontology import OBSERVATIONS, is_abnormal
from medxpert.phantom.look import DEFAULT, LOOKS
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.text import Section, write_report
from medxpert.text import longest_section


@pytest.fixture(scope="module", params=LOOKS.values(), ids=LOOKS)
def studies(request):
    return [study for patient in range(2500) for study in draw_patient(0, patient, request.param)]


@pytest.fixture(scope="module")
def reports(studies):
    return [study.report for study in studies]


def sections(report):
    return (report.findings, report.impression)


def test_every_study_has_text_without_numbers_or_open_slots(reports):
    for report in reports:
        text = f"{report.findings.text} {report.impression.text}"
        assert text.strip()
        assert not re.search(r"[0-9{}]|  |\.\.", text.strip())


def test_most_longest_sections_fit_the_encoder(reports):
    words = [len(max((s.text for s in sections(r)), key=len).split()) for r in reports]
    assert np.mean(np.array(words) <= 55) > 0.95


def test_every_label_value_occurs(reports):
    seen = collections.Counter(item for report in reports for item in report.labels.items())
    for name in OBSERVATIONS[1:-1]:
        assert seen[name, 1] > 50
        assert seen[name, -1] > 10
    assert seen["Pneumothorax", 0] > len(reports) / 2


def test_no_finding_is_said_of_exactly_the_normal(reports):
    assert all(("No Finding" in report.labels) != is_abnormal(report.labels) for report in reports)


def test_nothing_visible_is_denied(studies):
    for study in studies:
        visible = {finding.observation for finding in study.scene.findings}
        for section in sections(study.report):
            assert not visible & set(section.denied)


def test_statements_are_true_of_the_film(studies):
    for study in studies:
        film = {finding.kind: finding for finding in study.scene.findings}
        for section in sections(study.report):
            for statement in section.statements:
                finding = film[statement.kind]
                assert statement.side in ("", finding.side)
                assert statement.zone in ("", finding.zone)
                assert statement.severity in (0, finding.severity)


def test_sides_are_said_as_stated(reports):
    for report in reports:
        for section in sections(report):
            for sentence, statement in zip(section.sentences, section.statements, strict=False):
                if statement.side in ("left", "right") and len(section.sentences) == len(section.statements):
                    assert statement.side in sentence.lower()


def test_hedges_follow_faintness(studies):
    hedged = collections.defaultdict(list)
    for study in studies:
        film = {finding.kind: finding for finding in study.scene.findings}
        for statement in study.report.findings.statements:
            hedged[film[statement.kind].faint].append(statement.uncertain)
    assert np.mean(hedged[True]) > 0.8
    assert np.mean(hedged[False]) < 0.1


def test_the_commonest_normal_impression_is_as_common_as_in_life():
    reports = [study.report for patient in range(2500) for study in draw_patient(0, patient, DEFAULT)]
    normal = [report.impression.text for report in reports if not is_abnormal(report.labels)]
    text, count = collections.Counter(normal).most_common(1)[0]
    assert text == "No acute cardiopulmonary abnormality."
    assert 0.07 < count / len(normal) < 0.12


def test_abnormal_reports_differ(reports):
    texts = [report.findings.text for report in reports if is_abnormal(report.labels) and report.findings.text]
    assert len(set(texts)) > 0.9 * len(texts)


def test_the_unit_is_the_longest_section(reports):
    for report in reports:
        expected = longest_section(report.findings.text, report.impression.text).name
        assert report.to_json()["section"] == expected


def test_the_same_generator_writes_the_same(studies):
    scene = next(study.scene for study in studies if study.scene.findings)
    first, second = (write_report(scene, np.random.default_rng(5)).findings.text for _ in range(2))
    assert first == second
    assert len({write_report(scene, np.random.default_rng(seed)).findings.text for seed in range(20)}) > 10


def test_an_empty_section_is_empty_text():
    assert Section().text == ""
