"""The answer that language models are asked for, and its way to a draft: strict, nothing extra, nothing endless."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from medxpert.ontology import OBSERVATIONS
from medxpert.reporters.retries import Unreadable, told
from medxpert.reporting import Code, Diagnosis, Draft, Finding

_FENCED = re.compile(r"```\w*\s*\n(.*?)\n?\s*```", re.DOTALL)
_THOUGHT = "</think>"
"""Reasoning models served without a parser write their thoughts before it."""


def _known(name: str) -> str:
    if name not in OBSERVATIONS:
        raise ValueError("expected one of the 14 observations")
    return name


def seen(text: str) -> str:
    """Join lines and leave out controls, marks of direction and other characters that nobody sees."""
    kept = (" " if c.isspace() else "" if unicodedata.category(c)[0] == "C" else c for c in text)
    return " ".join("".join(kept).split())


def _said(text: str) -> str:
    if not (line := seen(text)):
        raise ValueError("expected text")
    return line


def _none(value: Any) -> Any:
    return None if value == "" else value


Observation = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(OBSERVATIONS)})]
Sentence = Annotated[str, StringConstraints(max_length=600), AfterValidator(_said)]
Name = Annotated[str, StringConstraints(max_length=200), AfterValidator(_said)]


class Part(BaseModel):
    """A part of an answer: strict, nothing extra."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AnsweredFinding(Part):
    """One finding; null and "" both mean that the side or severity is not said."""

    observation: Observation
    status: Literal["present", "absent", "uncertain"]
    laterality: Annotated[Literal["left", "right", "bilateral"] | None, BeforeValidator(_none)] = None
    severity: Annotated[Literal["mild", "moderate", "severe"] | None, BeforeValidator(_none)] = None
    sentence: Sentence
    evidence: Annotated[list[Name], Field(max_length=30)]

    def finding(self) -> Finding:
        """Return it in the package's words."""
        return Finding(
            observation=self.observation,
            status=self.status,
            sentence=self.sentence,
            laterality=self.laterality or "",
            severity=self.severity or "",
            evidence=tuple(dict.fromkeys(self.evidence)),
        )


class AnsweredCode(Part):
    """One code of ICD-10-CM."""

    code: Annotated[str, StringConstraints(max_length=12), AfterValidator(_said)]
    description: Annotated[str, StringConstraints(max_length=400), AfterValidator(seen)]
    billable: bool


class AnsweredDiagnosis(Part):
    """One possible diagnosis."""

    name: Name
    icd10: Annotated[list[AnsweredCode], Field(max_length=10)]

    def diagnosis(self) -> Diagnosis:
        """Return it in the package's words."""
        return Diagnosis(self.name, tuple(Code(one.code, one.description, one.billable) for one in self.icd10))


class Answer(Part):
    """The whole answer; its texts are on one line and without invisible characters."""

    findings: Annotated[list[AnsweredFinding], Field(max_length=40)]
    impression: Annotated[list[Sentence], Field(max_length=20)]
    diagnoses: Annotated[list[AnsweredDiagnosis], Field(max_length=20)]

    def draft(self) -> Draft:
        """Return it in the package's words."""
        return Draft(
            findings=tuple(one.finding() for one in self.findings),
            impression=tuple(self.impression),
            diagnoses=tuple(one.diagnosis() for one in self.diagnoses),
        )


def parse(text: str) -> Draft:
    """Read what a model wrote; a Markdown fence, thoughts or words around the one object are forgiven.

    Raises:
        Unreadable: it is not JSON, or not of this form.
    """
    body = json_in(text)
    try:
        return Answer.model_validate_json(body).draft()
    except ValidationError as error:
        raise Unreadable(fault_of(text, error)) from None


def answer_schema() -> dict[str, Any]:
    """Return the form as a JSON schema; limits stay out because some services refuse them, and `parse` holds them."""
    return flat(Answer.model_json_schema())


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of pydantic without references, limits and titles, every property required, nothing extra."""
    return _plain(schema, schema.get("$defs", {}))


def _plain(node: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _plain(kinds[node["$ref"].rpartition("/")[2]], kinds)
    if "anyOf" in node:
        return {"anyOf": [_plain(one, kinds) for one in node["anyOf"]]}
    plain: dict[str, Any] = {key: node[key] for key in ("type", "enum") if key in node}
    if "items" in node:
        plain["items"] = _plain(node["items"], kinds)
    if "properties" in node:
        plain["properties"] = {name: _plain(child, kinds) for name, child in node["properties"].items()}
        plain |= {"required": list(node["properties"]), "additionalProperties": False}
    return plain


def spoken(text: str) -> str:
    """Return what a model wrote without its thoughts and the blanks around."""
    return text.rpartition(_THOUGHT)[2].strip().removeprefix("\ufeff")


def json_in(text: str) -> str:
    """Return the part of an answer that should be the object; thoughts and a fence around it are left out."""
    said = spoken(text)
    if said.startswith("{"):
        return said
    if fenced := _FENCED.search(said):
        return fenced.group(1)
    start, end = said.find("{"), said.rfind("}")
    return said[start : end + 1] if 0 <= start < end else said


def fault_of(text: str, error: ValidationError) -> str:
    """Say in a few words what is wrong with an answer."""
    if text.lstrip()[:1] == "<" and _THOUGHT not in text:
        return "answered with HTML instead of JSON"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return f"answered with something that is not JSON ({len(text)} characters)" if text else "answered nothing"
    where = told(".".join(map(str, first["loc"]))[:80]) or "the answer"
    return f"answered JSON of another form ({where}: {told(first['msg'])})"
