"""The form of report.json, from which report.schema.json is made: `python -m medxpert.documents.schema`.

Only what checks or publishes the form imports this: reports are written and read without pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from medxpert.folders import write_json

PUBLISHED = Path(__file__).with_name("report.schema.json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


_Side = Literal["left", "right", "bilateral"]
_Severity = Literal["mild", "moderate", "severe"]
_Course = Literal["new", "resolved", "worse", "better", "unchanged"]


class JsonFinding(_Part):
    """One statement about one observation."""

    observation: str = Field(description="One of the 14 observations of CheXpert.")
    status: Literal["present", "absent", "uncertain"]
    laterality: _Side | None = Field(description="null where no side is said.")
    severity: _Severity | None = Field(description="null where no severity is said.")
    sentence: str
    evidence: list[str] = Field(description="Study ids of similar cases, and names of scores.")
    support: Literal["supported", "weak", "unsupported"] | None = Field(
        description="What the checker found when it compared the statement with the evidence; null before it looked."
    )


class JsonCode(_Part):
    """One code of ICD-10-CM."""

    code: str
    description: str
    billable: bool
    needs: list[str] = Field(
        description="What a billable code below this one would still have to state; empty where it is billable."
    )


class JsonDiagnosis(_Part):
    """One possible diagnosis and the codes that would fit it."""

    name: str = Field(
        description="With [unsupported], [unchecked] or [weak support] behind it where the checker says so."
    )
    icd10: list[JsonCode]


class JsonProblem(_Part):
    """One thing that the checker found wrong with the draft."""

    kind: str
    where: str = Field(description="findings, impression or diagnoses.")
    text: str = Field(description="The sentence, id or code, as drafted; empty for what the draft leaves out.")
    detail: str
    action: Literal["marked", "dropped", "noted"]


class JsonVerdict(_Part):
    """What the evidence of one image says of one observation."""

    status: Literal["present", "absent", "uncertain"] | None = Field(
        description="null where the evidence says nothing."
    )
    probability: float | None = Field(description="That it is there, calibrated; null where nothing speaks of it.")
    laterality: _Side | None
    severity: _Severity | None
    scores: dict[str, float] = Field(description="Source of evidence -> its own calibrated probability.")
    cases: list[str] = Field(description="Study ids of similar cases that agree, the nearest first.")
    contradictory: bool = Field(description="Whether one source is sure of it and another sure of the contrary.")
    sides: dict[_Side, float] = Field(description="Probability of each side, given that the observation is there.")
    severities: dict[_Severity, float] = Field(description="Probability of each severity, likewise.")


class JsonChange(_Part):
    """What became of one observation since the prior image."""

    observation: str = Field(description="One of the 14 observations of CheXpert.")
    course: _Course | None = Field(
        description="A change is named from a probability of about 0.2 on, since missing one is worse than naming one "
        "too many; null where the evidence does not tell."
    )
    probability: float | None = Field(description="Of that course.")
    courses: dict[_Course, float] = Field(description="Probability of each course; empty where nothing is known.")
    before: JsonVerdict
    now: JsonVerdict


class JsonReport(_Part):
    """A structured report on a chest radiograph or on a text query. Research use only, not for diagnosis."""

    schema_version: Literal["1.1"]
    research_use_only: Literal[True]
    abstained: bool = Field(description="Whether the system refused to report; there are no findings then.")
    abstain_reason: str = Field(description="Empty where it did not.")
    technique: str
    comparison: str = Field(description="With what the image was compared, and what changed.")
    changes: list[JsonChange] = Field(description="One per observation; empty without a prior image.")
    caption: str = Field(
        description="Of the image, by a captioner: evidence, never a finding; empty where there is none."
    )
    findings: list[JsonFinding]
    impression: list[str] = Field(
        description="Sentences, the most important first, with [unsupported], [unchecked] or [weak support] behind "
        "them where the checker says so."
    )
    diagnoses: list[JsonDiagnosis]
    limitations: list[str]
    reporter: str = Field(description="template, gemini, openai or transformers; none where the system abstained.")
    fallback_reason: str = Field(
        description="Why another reporter than the one asked for wrote it; empty where none did."
    )
    problems: list[JsonProblem]
    provenance: dict[str, Any] = Field(
        description="Run, index, encoder, reporter, model id, time, policy, the privacy gate's decision; under scores, "
        "observation -> name of a score -> its calibrated probability."
    )


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report (draft 2020-12)."""
    made = JsonReport.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "MedXpert report 1.1"}


if __name__ == "__main__":
    write_json(PUBLISHED, schema())
