"""A report as one self-contained page: no scripts, nothing fetched, nothing in it can become markup."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.documents import wording
from medxpert.documents.evidence import Evidence, Thumbnail, cards
from medxpert.documents.rows import badge, change_table, finding_table, problem_table, text
from medxpert.exchange import Reply
from medxpert.folders import atomic_file
from medxpert.report import NOTICE
from medxpert.reporting import Diagnosis, Report
from medxpert.words import POLICIES

_COUNTED = ("present", "uncertain", "absent")
_DOUBTFUL = ("weak", "unsupported")


def write_page(
    path: Path,
    report: Report,
    query: NDArray[np.uint8] | None,
    thumbnails: Mapping[str, Thumbnail],
    reply: Reply | None = None,
) -> None:
    """Write a report as a page.

    Args:
        path: HTML file.
        report: checked.
        query: grey pixels [H, W] of the image that was asked about; None for a text.
        thumbnails: study id -> (JPEG bytes, text, similarity) of what findings cite; one that is missing or has no
            bytes is shown without a picture.
        reply: to a question, where one was asked.

    Raises:
        ConfigError: the file cannot be written.
    """
    with atomic_file(path) as sibling:
        sibling.write_text(_page(report, query, thumbnails, reply), encoding="utf-8")


def _page(
    report: Report, query: NDArray[np.uint8] | None, thumbnails: Mapping[str, Thumbnail], reply: Reply | None
) -> str:
    here = files("medxpert.documents")
    style = "\n" + here.joinpath("page.css").read_text(encoding="utf-8")
    bound = wording.policy(report)
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        style=style,
        style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        heading="Report on a radiograph" if query is not None else "Report on a text query",
        notice=NOTICE,
        policy=text(bound),
        policy_class=bound if bound in POLICIES else "private",
        run=text(" · ".join(_origin(report))),
        counts=_counts(report),
        fallback=_fallback(report),
        asked=_asked(reply),
        abstention=_abstention(report),
        bare="" if query is not None else " bare",
        picture=_picture(query),
        technique=text(report.technique) or wording.NOT_STATED,
        comparison=text(report.comparison) or wording.NOT_STATED,
        caption=_caption(report),
        changes=_section(wording.CHANGES, change_table(report)) if report.changes else "",
        impression="" if report.abstained else _impression(report),
        sections="" if report.abstained else "\n".join(_sections(report, thumbnails)),
        limitations=_listed(map(text, report.limitations)),
        provenance=_provenance(report),
    )


def _origin(report: Report) -> Iterator[str]:
    yield "MedXpert"
    for name in ("run", "time"):
        if told := report.provenance.get(name):
            yield wording.plain(told)
    if not report.abstained:
        yield f"written by the reporter {wording.line(report.reporter)}"


def _counts(report: Report) -> str:
    if report.abstained:
        return ""
    told = [("", name, sum(one.status == name for one in report.findings)) for name in _COUNTED]
    doubts = [(name, wording.SUPPORT[name], sum(one.support == name for one in report.findings)) for name in _DOUBTFUL]
    told += [(name, words, count) for name, words, count in doubts if count]
    if report.problems:
        plural = "" if len(report.problems) == 1 else "s"
        told.append(("", f"problem{plural} found by the checker", len(report.problems)))
    items = (f'<li class="{style}"><strong>{count}</strong> {words}</li>' for style, words, count in told)
    return f'<ul class="counts">{"".join(items)}</ul>'


def _fallback(report: Report) -> str:
    if not report.fallback_reason:
        return ""
    who = f"Written by the reporter {text(report.reporter)} instead of the one asked for:"
    return f'<p class="fallback"><strong>{who}</strong> {text(report.fallback_reason)}</p>'


def _asked(reply: Reply | None) -> str:
    if reply is None:
        return ""
    told = [*wording.reply_basis(reply), *map(wording.problem, reply.problems)]
    basis = "".join(f"<li>{text(one)}</li>" for one in told)
    return (
        f'<section class="asked"><h2>Question</h2>\n<p>{text(reply.question)}</p>\n'
        f'<p class="answer">{text(reply.answer)}</p>\n<ul class="plain">{basis}</ul></section>'
    )


def _abstention(report: Report) -> str:
    if not report.abstained:
        return ""
    return (
        f'<section class="abstained"><h2>{wording.ABSTAINED}</h2>\n<p class="reason">{text(report.abstain_reason)}</p>'
        "\n<p>No finding, impression or diagnosis is given for this query.</p></section>"
    )


def _picture(query: NDArray[np.uint8] | None) -> str:
    if query is None:
        return ""
    buffer = io.BytesIO()
    Image.fromarray(query).save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    source = f'<img alt="The image that was asked about" src="data:image/png;base64,{encoded}">'
    return f"<figure>{source}<figcaption>The image that was asked about, as the model sees it</figcaption></figure>"


def _caption(report: Report) -> str:
    if not report.caption:
        return ""
    said = f'<p class="caption">{text(report.caption)}</p>'
    return f'<h2>Caption</h2>\n{said}\n<p class="trust">{wording.CAPTION_NOTE}</p>'


def _impression(report: Report) -> str:
    said = "".join(f"<li>{_marked(sentence)}</li>" for sentence in report.impression)
    body = f'<ol class="impression">{said}</ol>' if said else f"<p>{wording.NOT_STATED}</p>"
    return f"<h2>Impression</h2>\n{body}"


def _sections(report: Report, thumbnails: Mapping[str, Thumbnail]) -> Iterator[str]:
    evidence = Evidence.of(report)
    yield _section("Findings", finding_table(report, evidence))
    named = "\n".join(map(_diagnosis, report.diagnoses))
    yield _section(
        "Possible diagnoses (suggested ICD-10-CM codes)", f'<dl class="diagnoses">{named}</dl>' if named else ""
    )
    yield _section("Evidence", cards(evidence, thumbnails))
    yield _section("Check", f'<p class="note">{wording.check_summary(report)}</p>{problem_table(report)}')


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body or f'<p>{wording.NOT_STATED}</p>'}\n</section>"


def _marked(sentence: str) -> str:
    said, mark = wording.marked(wording.line(sentence))
    return f"{escape(said)} {badge(mark)}" if mark else escape(said)


def _diagnosis(diagnosis: Diagnosis) -> str:
    codes = "".join(
        f"<dd><code>{text(one.code)}</code> {text(f'{one.description} {wording.code_note(one)}')}</dd>"
        for one in diagnosis.icd10
    )
    return f"<dt>{_marked(diagnosis.name)}</dt>{codes or '<dd>no code</dd>'}"


def _listed(items: Iterable[str]) -> str:
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f'<ul class="plain">{listed}</ul>' if listed else f"<p>{wording.NOT_STATED}</p>"


def _provenance(report: Report) -> str:
    told = wording.provenance(report).items()
    rows = "\n".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in told)
    return f'<table class="provenance"><tbody>\n{rows}\n</tbody></table>'
