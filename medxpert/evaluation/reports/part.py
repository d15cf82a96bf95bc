"""The assistant's reports on one split of a run, written and measured."""

from __future__ import annotations

from medxpert.drafting import Drafting
from medxpert.evaluation.reports.outsiders import outsiders_of
from medxpert.evaluation.reports.quality import report_quality
from medxpert.evaluation.reports.written import draft_all
from medxpert.evaluation.subject import Part, Subject
from medxpert.evidence.rule import Rule
from medxpert.folders import verified
from medxpert.gathering import Evidence
from medxpert.gating import Circumstances
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.own import Traces
from medxpert.privacy import strictest
from medxpert.run import Run


def reports_of(run: Run, drafting: Drafting, rule: Rule, seed: int, subject: Subject) -> Part:
    """Write a report on every study of a split and measure them.

    Args:
        run: calibrated.
        drafting: has the reports written.
        rule: from evidence to words.
        seed: of random reports and bootstrap draws.
        subject: the split, placed by the run's weights.

    Raises:
        DataError: the run's index or calibration is damaged or missing.
    """
    gallery = Gallery(run, verified(run.index)["encoder"], as_trained=True)
    policy = strictest(set(subject.cases.column("policy")))
    at = Circumstances(policy, gallery.policy, run.policy, subject.split.encode())
    traces = [Traces(patient_ids=(patient,)) for patient in subject.cases.patient_ids]
    evidence = Evidence(run, gallery, rule)
    drafts = draft_all(subject.vectors[subject.main].image, traces, evidence, drafting, at, seed)
    return report_quality(subject, drafts, outsiders_of(run, subject, evidence.abstainer), seed)
