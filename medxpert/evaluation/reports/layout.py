"""Report quality as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from medxpert.evaluation.reports.baselines import TOLD
from medxpert.evaluation.reports.written import OURS
from medxpert.ontology import OBSERVATIONS
from medxpert.tables.blocks import DASH, Block, Row, Shown, percent

_NOTE = (
    "statements as the labeler reads them; F1 over all 14 observations, micro-averaged; false: assertions that are not "
    f"true; of what is there: the share that is not asserted, and that is not hedged either; {TOLD}"
)
_MAIN = (("F1", "f1"), ("false", "false"), ("not asserted", "unasserted"), ("nor hedged", "omitted"))
_MORE = (
    "macro: mean over observations that occur; hedges: share about what is not there; named: observations asserted or "
    "hedged per abnormal study; BLEU-4 and ROUGE-L against the study's own text"
)
_PLACED = ("side", "side_stated", "severity", "severity_stated")
_F1 = (("micro 14", "f1"), ("macro 14", "f1_macro"), ("micro 5", "f1_five"), ("macro 5", "f1_five_macro"))


def blocks(figures: Mapping[str, Any], contenders: Sequence[str]) -> Iterator[Block]:
    """Lay out the figures that `report_quality` returns."""
    found = figures["agreement"]
    yield Block("reports", _noted(figures), tuple(title for title, _ in _MAIN), tuple(_agreement(found, contenders)))
    yield Block(
        "reports, sides and severities",
        "of what is there and asserted: how many of the stated sides and severities are right, and how many of the "
        "known ones are stated",
        ("side", "stated", "severity", "stated "),
        tuple(_placed(found, contenders)),
    )
    columns = (*(title for title, _ in _F1), "hedges", "named", "asserted", "BLEU-4", "ROUGE-L")
    yield Block("reports, more", _MORE, columns, tuple(_more(found, figures["text"], contenders)), True)
    yield Block(
        "reports, probabilities",
        "mean over the observations of the calibration error (15 bins of equal mass) and of the Brier skill over the "
        "prevalence; resampling adds error, so that an interval of the former may lie above it; risk: share of wrong "
        "assertions when the most confident studies alone are answered",
        ("ECE", "Brier skill", "risk at 50 %", "risk at 100 %"),
        (_probabilities(figures),),
    )
    yield Block(
        "reports, each observation",
        "of the checked reports, all studies",
        ("positive", "F1", "sens.", "spec.", "ECE", "Brier skill"),
        tuple(_observation(name, figures["observations"][name]) for name in OBSERVATIONS),
        detail=True,
    )
    if figures["abstention"]:
        yield _abstention(figures["abstention"])
    for kind, examples in figures["examples"].items():
        rows = tuple(_example(one) for one in examples)
        yield Block(
            f"reports, {kind} examples", "of abnormal studies", ("truth", "report", "own text"), rows, detail=True
        )


def _noted(figures: Mapping[str, Any]) -> str:
    if not figures["fallbacks"]:
        return f"written by {figures['reporter']}; {_NOTE}"
    return f"{figures['fallbacks']} BY THE TEMPLATE, since {figures['reporter']} did not write: {_NOTE}"


def _agreement(found: Mapping[str, Any], contenders: Sequence[str]) -> Iterator[Row]:
    for name in (*contenders, *(name for name in found if name not in contenders)):
        cells, main, gain = found[name], name == OURS, name not in contenders
        shown = [percent(cells[key] or None, signed=gain, decimals=0) for _, key in _MAIN]
        if not (main or gain):
            shown = [_plain(cells[key]) for _, key in _MAIN]
        yield Row("gain" if gain else name, tuple(shown), "gain" if gain else "main" if main else "reference")


def _more(found: Mapping[str, Any], text: Mapping[str, Any], contenders: Sequence[str]) -> Iterator[Row]:
    for name in contenders:
        cells = [_plain(found[name][key]) for _, key in _F1]
        hedges = _plain(found[name]["hedged_wrongly"])
        overlap = (_plain({"value": text[name][key]} if name in text else {}) for key in ("bleu4", "rouge_l"))
        kind: Literal["main", "reference"] = "main" if name == OURS else "reference"
        yield Row(
            name, (*cells, hedges, *(_counted(found[name], key) for key in ("named", "asserted")), *overlap), kind
        )


def _plain(cell: Mapping[str, float]) -> Shown:
    return percent({"value": cell["value"]} if cell else None)


def _counted(cells: Mapping[str, Any], key: str) -> Shown:
    count = cells[key].get("value")
    return Shown(DASH) if count is None else Shown(f"{count:.2f}")


def _placed(found: Mapping[str, Any], contenders: Sequence[str]) -> Iterator[Row]:
    for name in contenders:
        cells = [percent(found[name][key] or None, decimals=0) for key in _PLACED]
        if name != OURS:
            cells = [_plain(found[name][key]) for key in _PLACED]
        yield Row(name, tuple(cells), "main" if name == OURS else "reference")


def _probabilities(figures: Mapping[str, Any]) -> Row:
    found, risk = figures["probabilities"], figures["risk_coverage"]["risk_at"]
    cells = (percent(found[key] or None) for key in ("ece", "brier_skill"))
    return Row(OURS, (*cells, *(percent({"value": risk[share]}) for share in ("50%", "100%"))), "main")


def _observation(name: str, figures: Mapping[str, Any]) -> Row:
    cells = (figures[key] for key in ("f1", "sensitivity", "specificity", "ece", "brier_skill"))
    shown = (Shown(DASH) if one is None else percent({"value": one}) for one in cells)
    return Row(name, (Shown(str(figures["positive"])), *shown))


def _abstention(figures: Mapping[str, Any]) -> Block:
    rows = [
        Row(
            name,
            (
                Shown(f"{100 * one['auroc']:.1f}"),
                Shown(f"{100 * one['refused']:.1f}"),
                Shown("yes" if one["fitted"] else "no"),
                Shown(str(one["pictures"])),
            ),
        )
        for name, one in figures["families"].items()
    ]
    note = f"{100 * figures['inside_refused']:.1f} % of the split's own studies are refused"
    return Block("reports, abstention", note, ("AUROC", "refused", "fitted on", "pictures"), tuple(rows))


def _example(one: Mapping[str, str]) -> Row:
    return Row(one["study"], tuple(Shown(one[key]) for key in ("truth", "report", "own")))
