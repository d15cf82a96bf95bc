"""CLIP's byte-pair encoding (Sennrich et al., ACL 2016; Radford et al., ICML 2021) without torch."""

from __future__ import annotations

import gzip
import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import regex
from numpy.typing import NDArray

from medxpert.errors import ConfigError, DataError

VOCAB_SIZE = 49_408
"""Tokens of the published CLIP models: 512 byte symbols, 48,894 merges and 2 marks."""

_NUM_SYMBOLS = 512 + 2
_MARKS = ("<start_of_text>", "<end_of_text>")
_WORD_END = "</w>"
_PATTERN = regex.compile("|".join(_MARKS) + r"|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE)
_PLAIN = regex.compile(r"[\t\n\r !-%'-~]*")
"""ASCII without the ampersand: nothing that broken encodings or HTML entities could hide in."""


class Tokenizer:
    """Turns texts into rows of token numbers.

    Args:
        merges: pairs of symbols in the order in which they are merged, as "left right".
        context_length: longest row; a longer text is cut and still ends with the end-of-text mark.
    """

    def __init__(self, merges: Sequence[str], context_length: int = 77) -> None:
        if context_length < 2:
            raise ConfigError(f"model.context_length must be at least 2, found {context_length}")
        pairs = [tuple(merge.split()) for merge in merges]
        symbols = _byte_symbols().values()
        vocabulary = [*symbols, *(symbol + _WORD_END for symbol in symbols)]
        vocabulary += [*("".join(pair) for pair in pairs), *_MARKS]
        self.merges = tuple(merges)
        self.context_length = context_length
        self.vocab_size = len(vocabulary)
        self._ranks = {pair: rank for rank, pair in enumerate(pairs)}
        self._numbers = {symbol: number for number, symbol in enumerate(vocabulary)}
        self._start, self._end = (self._numbers[mark] for mark in _MARKS)
        self._words: dict[str, list[int]] = {mark: [self._numbers[mark]] for mark in _MARKS}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokenise B texts to [B, L], zero-padded to the longest of them, at most context_length."""
        rows = [self._row(text) for text in texts]
        tokens = np.zeros((len(rows), max(map(len, rows), default=0)), dtype=np.int64)
        for target, row in zip(tokens, rows, strict=True):
            target[: len(row)] = row
        return tokens

    def count(self, text: str) -> int:
        """Count the tokens of a whole text, its two marks included, before any cut."""
        return len(self._encode(text)) + 2

    def save(self, path: Path) -> None:
        """Write the merges as UTF-8 lines that `read_merges` reads back."""
        path.write_text("\n".join(self.merges), encoding="utf-8")

    def _row(self, text: str) -> list[int]:
        return [self._start, *self._encode(text)[: self.context_length - 2], self._end]

    def _encode(self, text: str) -> list[int]:
        return [number for word in _PATTERN.findall(_clean(text)) for number in self._word(word)]

    def _word(self, word: str) -> list[int]:
        numbers = self._words.get(word)
        if numbers is None:
            symbols = _byte_symbols()
            numbers = [self._numbers[part] for part in self._merge([symbols[b] for b in word.encode()])]
            self._words[word] = numbers
        return numbers

    def _merge(self, parts: list[str]) -> list[str]:
        """Join the pair of lowest rank everywhere in the word until no known pair is left."""
        parts[-1] += _WORD_END
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self._ranks.get(pair, VOCAB_SIZE))
            if best not in self._ranks:
                break
            parts = _join(parts, best)
        return parts


def clip_tokenizer(vocab_size: int = VOCAB_SIZE, context_length: int = 77) -> Tokenizer:
    """Build the tokenizer of the published CLIP models, cut to its first merges when vocab_size is smaller.

    Raises:
        ConfigError: vocab_size is outside 514 to 49,408, or open_clip is not installed.
    """
    if not _NUM_SYMBOLS <= vocab_size <= VOCAB_SIZE:
        raise ConfigError(f"model.vocab_size must lie between {_NUM_SYMBOLS} and {VOCAB_SIZE}, found {vocab_size}")
    return Tokenizer(_published_merges()[: vocab_size - _NUM_SYMBOLS], context_length)


def read_merges(path: Path) -> list[str]:
    """Read what `Tokenizer.save` wrote.

    Raises:
        DataError: the file is missing or is not UTF-8 lines of two symbols.
    """
    try:
        merges = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot read the tokenizer's merges ({error}); rebuild with train.py") from error
    merges = [merge for merge in merges if merge]
    for merge in merges:
        if len(merge.split(" ")) != 2:
            raise DataError(f"{path}: expected two symbols a line, found {merge!r}; rebuild with train.py")
    return merges


@cache
def _published_merges() -> list[str]:
    """Read the merges that open_clip ships, without importing it."""
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("open_clip is not installed; run: pip install open_clip_torch")
    path = Path(spec.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[1 : VOCAB_SIZE - _NUM_SYMBOLS + 1]


@cache
def _byte_symbols() -> dict[int, str]:
    """Give each of the 256 bytes a printable character, in the order of the vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(rest)}


def _clean(text: str) -> str:
    """Repair broken encodings and HTML entities, collapse white space, lower the case."""
    if not _PLAIN.fullmatch(text):
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


def _join(parts: Iterable[str], pair: tuple[str, str]) -> list[str]:
    joined = [""]
    for part in parts:
        if (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined[1:]
