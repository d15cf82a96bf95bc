"""Rules on report text that every room shares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from medxpert.cleaning import clean as clean
from medxpert.cleaning import settled
from medxpert.priors import without_prior
from medxpert.sections import BODY, Part, book, fold, is_exam, join, paragraphs, parts

if TYPE_CHECKING:
    import numpy as np

_ASIDES = frozenset({"addendum", "wet_read", "signature"})
_SAID = re.compile(r"[^\W_]")
_REMOVED = re.compile(r"[x_\s.,]{3,}")
_BREAK = re.compile(
    r"(?P<mark>[.!?]+)[\"')\]]*\s+|(?<=\S)\s*\n\s*(?=\(?\d{1,2}[.)]\s|[-*\u2022]\s)|(?<=\S)[^\S\n]*\n[^\S\n]*\n\s*"
)
_TITLES = frozenset(
    {"dr", "drs", "mr", "mrs", "ms", "prof", "st", "vs", "approx", "e.g", "i.e", "cf", "ca", "fig", "resp"}
)
_NUMBERED = frozenset({"no", "nos", "nr", "fig", "vol", "image", "series"})
_OFTEN_LAST = frozenset({"cm", "mm", "etc", "a.m", "p.m", "jr", "sr", "inc", "m.d", "in", "al", "u.s", "r.n"})
"""Abbreviations that may end a sentence: they do where a capital follows."""


class Section(NamedTuple):
    """One section of a report."""

    name: str
    """ "findings" or "impression"."""
    text: str


def normalise(text: str) -> str:
    """Fold case and collapse white space, so that reports that read the same compare equal."""
    return " ".join(text.casefold().split())


def longest_section(findings: str, impression: str) -> Section:
    """Return the section that stands for the study: the longer one without outer blanks, findings when equal.

    The text is empty when the study has none.
    """
    sections = Section("findings", findings.strip()), Section("impression", impression.strip())
    return max(sections, key=lambda section: len(section.text))


@cache
def _placeholders() -> frozenset[str]:
    return frozenset(book()["placeholders"])


def is_blank(text: str) -> bool:
    """Tell whether a text says nothing: no letter or digit in it, or a placeholder such as "nan", "None" or "XXXX".

    The text is a string: None and bytes are refused by the type checker, not caught here.
    """
    said = text.strip().casefold()
    return said in _placeholders() or not _SAID.search(said) or _REMOVED.fullmatch(said) is not None


def split_sections(report: str) -> dict[str, str]:
    """Split a report at its headers, in capitals or not, misspelt or not, in lines or flattened into one.

    Text under a heading that names the film ("PORTABLE AP CHEST:") or an organ is the findings where none are named.
    Without findings and impression, the text after the first blank line of the last section counts (MIMIC-CXR); a text
    without any header and blank line is itself the findings. "FINDINGS AND IMPRESSION" is findings alone. A summary or
    an interpretation is the impression where there is no other. What an addendum above a line of underscores, or a wet
    read, says under headers of its own stays in it. A section that comes twice is joined in order.

    Returns:
        Name -> text in one line without outer blanks, never empty. Names: findings, impression, indication, history,
        comparison, technique, examination, recommendation, notification, wet_read, addendum, reference, signature, and
        summary, interpretation, discussion, report where these do not stand in. Nothing where `is_blank(report)`.
    """
    if is_blank(report):
        return {}
    found = parts(report)
    texts = _named(found)
    for name, others in book()["instead"].items():
        other = next((other for other in others if other in texts), None)
        if name not in texts and other:
            texts[name] = texts.pop(other)
    if BODY in texts:
        texts["examination"] = join([texts.get("examination", ""), texts.pop(BODY)])
    if "findings" not in texts:
        texts |= _unnamed(found, report, "impression" in texts)
    return texts


def _named(found: Sequence[Part]) -> dict[str, str]:
    pieces: dict[str, list[str]] = {}
    for part in found:
        if part.name:
            pieces.setdefault(part.name, []).append(part.text)
    texts = {name: join(said) for name, said in pieces.items()}
    titles = join(part.title for part in found)
    if titles and not texts.get("examination"):
        texts["examination"] = titles
    return {name: text for name, text in texts.items() if not _is_absent(name, text)}


def _is_absent(name: str, text: str) -> bool:
    """A comparison may be "None"; findings may not."""
    return is_blank(text) if name in {"findings", "impression", BODY} else not text


def _unnamed(found: Sequence[Part], report: str, has_impression: bool) -> dict[str, str]:
    """Return the findings that no header announces, and what they leave of the section that they stood in."""
    own = [part for part in found if part.name not in _ASIDES]
    if has_impression or not own:
        return _findings(prose(own))
    if not own[-1].name:
        return _findings(prose(own, "FINAL REPORT" in report))
    first, *rest = paragraphs("\n".join(own[-1].lines)) or [""]
    if not rest:
        return _findings(prose(own))
    before = (part.text for part in own[:-1] if part.name == own[-1].name)
    return {own[-1].name: join([*before, fold(first)])} | _findings(fold(" ".join(rest)))


def _findings(text: str) -> dict[str, str]:
    return {} if is_blank(text) else {"findings": text}


def prose(own: Sequence[Part], is_titled: bool = False) -> str:
    """Return what stands before the first header, without a first paragraph that is a title."""
    pieces = [fold(piece) for part in own if not part.name for piece in paragraphs("\n".join(part.lines))]
    if len(pieces) > 1 and (is_titled or is_exam(pieces[0]) or not pieces[0].endswith((".", "!", "?"))):
        pieces = pieces[1:]
    return join(pieces)


def sentences(text: str) -> list[str]:
    """Split a text into sentences, each in one line.

    A sentence ends at a full stop, not at that of a decimal, an abbreviation ("Dr.", "a.m.", "No. 3"), an initial or
    the number of a list item; it ends at a blank line and before an item at the start of a line. The sentences joined
    by blanks are the text with its white space collapsed.
    """
    found, start = list[str](), 0
    for match in _BREAK.finditer(text):
        if not match["mark"] or _is_end(
            text[start : match.start()], match["mark"], text[match.end() : match.end() + 1]
        ):
            _append(found, fold(text[start : match.end()]))
            start = match.end()
    _append(found, fold(text[start:]))
    return found


def _append(found: list[str], sentence: str) -> None:
    """Append a sentence; marks alone belong to the one before."""
    if found and not _SAID.search(sentence):
        found[-1] = join([found[-1], sentence])
    elif sentence:
        found.append(sentence)


def _is_end(before: str, mark: str, after: str) -> bool:
    """Tell whether a mark after a stretch of text ends the sentence, given the character after the blank."""
    word = _last_word(before)
    if not after or not word or mark != ".":
        return not after or ((mark == "." or bool(word)) and not after.islower())
    bare = word.casefold()
    if bare in _TITLES or (bare in _NUMBERED and after.isdigit()) or _is_item(before, word):
        return False
    if len(word) == 1 and word.isalpha():
        return _ends_initial(before, word, after)
    if after.islower():
        return bare not in _OFTEN_LAST and "." not in bare and bool(re.fullmatch(r"\w{3,}|\d+\)?|.*[)%]", word))
    return not (word.isdigit() and after.isdigit())


def _last_word(text: str) -> str:
    return text[-1:].strip() and text.rsplit(None, 1)[-1].lstrip("([\"'")


def _is_item(before: str, word: str) -> bool:
    """Tell whether a number opens the sentence, and so counts the items of a list."""
    return before.strip() == word and word.isdigit()


def _ends_initial(before: str, word: str, after: str) -> bool:
    """Tell whether a single letter ends a sentence ("hepatitis C. Lungs"), rather than a name ("by J. Smith")."""
    if after.islower() or word.islower():
        return False
    words = before.split()[:-1]
    return (
        bool(words) and not words[-1].endswith(".") and words[-1].islower() and words[-1] not in {"by", "with", "from"}
    )


def sample_sentences(text: str, generator: np.random.Generator, keep: int | None = None, shuffle: bool = False) -> str:
    """Draw sentences from a text without replacement, each set of them equally likely.

    Args:
        text: any text.
        generator: where chance comes from; it is left alone where there is nothing to draw.
        keep: how many sentences, at least 1; all where None or where the text has fewer.
        shuffle: every order equally likely, instead of the order of the text.

    Raises:
        ValueError: keep is less than 1.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"keep is {keep}, but at least 1 sentence has to stay")
    found = sentences(text)
    count = len(found) if keep is None else min(keep, len(found))
    if count == len(found) and not shuffle:
        return join(found)
    drawn = generator.permutation(len(found))[:count].tolist()
    return join(found[number] for number in (drawn if shuffle else sorted(drawn)))


def without_priors(text: str) -> str:
    """Remove references to earlier studies and to change since, by rules (the aim of Ramesh et al., ML4H 2022).

    "Compared with the prior study from ___, there is a new left effusion." becomes "There is a left effusion.";
    sentences that only compare vanish ("No significant interval change."). A finding said to change stays as present,
    one said to have resolved as not seen; normal organs said to be unchanged go. What is old without being compared
    stays: "status post prior sternotomy", "old rib fractures", "clinically stable". The lexicon is `priors.json`. The
    result is in one line; doing it twice changes nothing.
    """
    return settled(lambda whole: join(map(without_prior, sentences(whole))), text)
