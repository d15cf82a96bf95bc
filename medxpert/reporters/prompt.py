"""The request that language models get: rules, then every foreign text as JSON inside fences that it cannot close."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.reporters.schema import answer_schema
from medxpert.reporting import Case, Verdict
from medxpert.words import Hit

MOST_CHARACTERS = 4_000
"""Of one text; longer ones are cut and say so."""
MOST_CITED = 5
"""Cases named in a row of the evidence."""
IMAGE_TOKENS = 1_100
"""About what hosted models charge for a picture of up to 1,024 pixels a side."""
_FENCING = frozenset("<>`")
_CONTROL = re.compile(r"\[(?=/?[A-Z_]{2,}\])")
"""The bracket of what tokenizers take for the turn of another speaker, such as [INST]; others use angle brackets."""
_INVISIBLE = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
"""Unicode categories of controls, format and tag characters, unassigned code points and line separators."""


class Form(NamedTuple):
    """What an answer must look like, for services that hold models to it."""

    name: Literal["report", "reply"]
    schema: dict[str, Any]
    """A JSON schema."""


class Prompt(NamedTuple):
    """One request."""

    system: str
    """What the model is and how it must answer; no foreign text."""
    text: str
    """The case: foreign texts inside fences."""
    image: bytes | None
    """A PNG file; None where no picture is sent."""
    form: Form
    """Of the answer."""

    def tokens(self, max_tokens: int) -> int:
        """Estimate what request and answer take: a token per 4 characters, a flat rate per picture, a full answer."""
        written = -(-(len(self.system) + len(self.text)) // 4)
        return written + (IMAGE_TOKENS if self.image is not None else 0) + max_tokens


def prompt_of(case: Case, with_image: bool, max_cases: int) -> Prompt:
    """Build the request for a case.

    Foreign texts, the case ids among them, are JSON without control characters, angle brackets or backquotes, on one
    line each. The fences carry a token made from a hash of all contents, so equal cases make equal requests and no
    content holds its own fence.

    Args:
        case: as the privacy gate left it.
        with_image: whether to attach the pixels, where the case has them.
        max_cases: how many similar cases to tell of, the nearest first.
    """
    return composed(Form("report", answer_schema()), case_blocks(case, max_cases), case.pixels if with_image else None)


def composed(form: Form, blocks: Iterable[tuple[str, str]], pixels: NDArray[np.uint8] | None) -> Prompt:
    """Put a request together.

    Args:
        form: of the answer; the rules and the task are those of its name.
        blocks: name and content of each block, the content from `encoded`.
        pixels: [H, W] of the picture to attach; None for none.
    """
    blocks = tuple(blocks)
    token = _token(content for _, content in blocks)
    parts = [_words()[form.name]["task"], *([_words()["picture"]] if pixels is not None else [])]
    parts += [f"<<<{name} {token}\n{content}\n{name} {token}>>>" for name, content in blocks]
    return Prompt(_system(form, token), "\n\n".join(parts), None if pixels is None else _png(pixels), form)


def encoded(value: Any) -> str:
    """Write a value as JSON on one line, with what could close a fence, end a turn or hide from a reader escaped."""
    written = "".join(map(_escaped, json.dumps(value, ensure_ascii=False)))
    return _CONTROL.sub(r"\\u005b", written)


def _escaped(character: str) -> str:
    """Escape one character, a fence's look-alikes in other scripts' widths included."""
    if character.isascii() and character.isprintable() and character not in _FENCING:
        return character
    foreign = unicodedata.category(character) in _INVISIBLE
    if foreign or _FENCING & set(unicodedata.normalize("NFKC", character)):
        return json.dumps(character)[1:-1] if ord(character) > 127 else f"\\u{ord(character):04x}"
    return character


def case_blocks(case: Case, max_cases: int) -> Iterator[tuple[str, str]]:
    """Yield name and content of the blocks that tell of a case and of its nearest similar cases."""
    hits = case.hits[:max_cases]
    for name in ("technique", "query", "caption"):
        if text := getattr(case, name):
            yield name, encoded(cut(text))
    known = {hit.study_id for hit in hits}
    rows = (encoded(_row(verdict, known)) for verdict in case.verdicts if _speaks(verdict))
    yield "evidence", "\n".join(rows) or encoded([])
    yield from (("case", encoded(_told(hit))) for hit in hits)


def _speaks(verdict: Verdict) -> bool:
    return bool(verdict.status) or verdict.probability is not None


def _row(verdict: Verdict, known: set[str]) -> dict[str, Any]:
    row = {
        "observation": verdict.observation,
        "status": verdict.status or "not known",
        "probability": None if verdict.probability is None else round(verdict.probability, 3),
        "laterality": verdict.laterality or None,
        "severity": verdict.severity or None,
        "scores": {name: round(score, 3) for name, score in verdict.scores.items()},
        "cases": [case for case in verdict.cases if case in known][:MOST_CITED],
    }
    return row | {"contradictory": True} if verdict.contradictory else row


def _told(hit: Hit) -> dict[str, Any]:
    return {"id": hit.study_id, "similarity": round(hit.score, 3), "report": cut(hit.text)}


def cut(text: str) -> str:
    """Return a text, or its first `MOST_CHARACTERS` characters and a word that it goes on."""
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + str(_words()["cut"])


def _token(contents: Iterable[str]) -> str:
    """Hash the contents until the hash is in none of them."""
    everything = "\n".join(contents)
    token = sha256(everything.encode()).hexdigest()[:16]
    while token in everything:
        token = sha256(token.encode()).hexdigest()[:16]
    return token


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels [H, W]; nothing but the pixels is in the file."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _system(form: Form, token: str) -> str:
    own, words = _words()[form.name], _words()
    lines = [*own["rules"], "", *words["blocks"], "", words["how"], own["answer"], json.dumps(own["form"])]
    return "\n".join(lines).replace("{token}", token)


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads(files("medxpert.reporters").joinpath("prompt.json").read_text("utf-8"))
    return words
