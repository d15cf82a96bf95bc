"""A report by word list: deterministic, offline, in the order and the words in which radiologists report.

Every sentence is one that `medxpert.labeler` reads back as it is meant; the words are data (`template.json`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast

from medxpert.icd10 import diagnoses
from medxpert.ontology import NO_FINDING, PATHOLOGIES, SUPPORT_DEVICES
from medxpert.reporting import Case, Draft, Endpoint, Finding, Severity, Side, Status, Verdict

MOST_CASES = 3
"""Similar cases that a finding cites, the nearest ones."""
_ASSERTED: tuple[Status, ...] = ("present", "uncertain")


class TemplateReporter:
    """Writes what the verdicts say and nothing else.

    The findings go from the lungs to the pleura, the heart and mediastinum, the bones and the devices; in each region
    what is present comes first, then what is uncertain, then what is absent. One sentence may tell several absences:
    their findings are neighbours and bear the same sentence, which renderings print once. No Finding is told by the
    impression, and has a finding of its own only where no pathology is told.

    A side or severity that the wording of an observation has no place for is left out of sentence and finding alike: a
    heart has no side, and no fracture is called mild.

    The impression names what is present, then what is uncertain, each in the order of urgency; an opacity is left out
    where something more exact is named in the same place. Where nothing abnormal is named it calls the chest normal if
    No Finding is present, or if nothing speaks of No Finding and all pathologies are absent; else it
    repeats the little that is known. For a text query it speaks of the similar cases.
    """

    name = "template"
    model_id = ""
    endpoint = Endpoint("local", "this machine")
    send_image = False

    def __call__(self, case: Case) -> Draft:
        """Write the draft; each finding cites up to three cases, the nearest first, and the scores of its verdict."""
        told = {one.observation: one for one in case.verdicts if one.status}
        forms = _words()["text" if case.query else "image"]
        findings = tuple(_findings(told))
        sentences = {one.observation: one.sentence for one in findings}
        return Draft(findings, tuple(_impression(told, forms)), diagnoses(case.verdicts, sentences))


def _findings(told: Mapping[str, Verdict]) -> Iterator[Finding]:
    if told.keys().isdisjoint(PATHOLOGIES) and _is_normal(told):
        yield _finding(told[NO_FINDING], _words()["nothing abnormal"])
    for region in _words()["regions"]:
        own = [told[name] for name in region["observations"] if name in told]
        abnormal = [one for status in _ASSERTED for one in own if one.status == status]
        for one in abnormal:
            yield _finding(one, _sentence(one))
        yield from _absences(region, _with_status(own, "absent"), bool(abnormal))


def _absences(region: Mapping[str, Any], absent: Sequence[Verdict], beside: bool) -> Iterator[Finding]:
    if len(absent) == len(region["observations"]):
        yield from (_finding(one, region["all absent"]) for one in absent)
        return
    listed = [one for one in absent if "absent" not in _wording(one)]
    shared = _capitalised(_words()["image"]["absent"].format(names=_names(listed, beside))) if listed else ""
    for one in absent:
        yield _finding(one, _wording(one).get("absent", shared))


def _finding(one: Verdict, sentence: str) -> Finding:
    side, severity = _stated(one)
    evidence = (*one.cases[:MOST_CASES], *one.scores)
    return Finding(one.observation, cast(Status, one.status), sentence, side, severity, evidence)


def _sentence(one: Verdict) -> str:
    wording = _wording(one)
    if one.status == "uncertain":
        return f"Possible {_phrase(one)}."
    if "present" in wording:
        return str(wording["present"]).format(**_slots(one))
    return f"There {'are' if _is_plural(one) else 'is'} {_article(one)}{_phrase(one)}."


def _impression(told: Mapping[str, Verdict], forms: Mapping[str, str]) -> Iterator[str]:
    urgent = [told[name] for name in _words()["urgency"] if name in told and not _is_implied(told[name], told)]
    abnormal = [one for status in _ASSERTED for one in _with_status(urgent, status)]
    if abnormal:
        yield from (_conclusion(one, forms) for one in abnormal)
        return
    devices = [told[SUPPORT_DEVICES]] if SUPPORT_DEVICES in told and told[SUPPORT_DEVICES].status != "absent" else []
    normal = _is_normal(told)
    if normal:
        yield forms["normal"]
    yield from (_conclusion(one, forms) for one in devices)
    if not normal:
        yield from _little(told, bool(devices), forms)


def _little(told: Mapping[str, Verdict], devices: bool, forms: Mapping[str, str]) -> Iterator[str]:
    """Tell the absences that are too few to call a chest normal, and that more cannot be said."""
    order = [name for region in _words()["regions"] for name in region["observations"] if name in PATHOLOGIES]
    absent = [told[name] for name in order if name in told]
    if absent:
        yield _capitalised(forms["absent"].format(names=_names(absent)))
    yield _words()["nothing further" if absent or devices else "nothing known"]


def _conclusion(one: Verdict, forms: Mapping[str, str]) -> str:
    return _capitalised(forms[one.status].format(article=_article(one), phrase=_phrase(one)))


def _is_normal(told: Mapping[str, Verdict]) -> bool:
    """Tell whether No Finding is present or all is known to be absent, given that nothing abnormal is told."""
    if NO_FINDING in told:
        return told[NO_FINDING].status == "present"
    return all(name in told for name in PATHOLOGIES)


def _is_implied(one: Verdict, told: Mapping[str, Verdict]) -> bool:
    """Tell whether something more exact is told as firmly and in the same place."""
    exact = [told[name] for name in _wording(one).get("told by", ()) if name in told]
    return any(other.status in ("present", one.status) and one.laterality in ("", other.laterality) for other in exact)


def _names(absent: Sequence[Verdict], beside: bool = False) -> str:
    """List what is denied; beside an abnormality of the same region "additional" where that is another thing."""
    names = [_denied(_wording(one), beside) for one in absent]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _denied(wording: Mapping[str, Any], beside: bool) -> str:
    return str(wording.get("denied beside", wording["denied"]) if beside else wording["denied"])


def _phrase(one: Verdict) -> str:
    return str(_wording(one)["plural" if _is_plural(one) else "phrase"]).format(**_slots(one))


def _article(one: Verdict) -> str:
    return "" if _is_plural(one) else str(_wording(one).get("article", ""))


def _is_plural(one: Verdict) -> bool:
    return one.laterality == "bilateral" and "plural" in _wording(one)


def _stated(one: Verdict) -> tuple[Side, Severity]:
    """Return side and severity as far as the sentences about an observation say them."""
    if one.status not in _ASSERTED or one.observation == NO_FINDING:
        return "", ""
    phrase = _wording(one)["phrase"]
    sided, graded = (any(f"{{{slot}}}" in phrase for slot in _words()[group]) for group in ("sides", "severities"))
    return one.laterality if sided else "", one.severity if graded else ""


def _slots(one: Verdict) -> dict[str, str]:
    sides = {slot: words.get(one.laterality, "") for slot, words in _words()["sides"].items()}
    return sides | {slot: words.get(one.severity, "") for slot, words in _words()["severities"].items()}


def _with_status(verdicts: Sequence[Verdict], status: Status) -> list[Verdict]:
    return [one for one in verdicts if one.status == status]


def _capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _wording(one: Verdict) -> Mapping[str, Any]:
    wording: Mapping[str, Any] = _words()["observations"][one.observation]
    return wording


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads(files("medxpert.reporters").joinpath("template.json").read_text("utf-8"))
    return words
