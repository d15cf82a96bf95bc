"""From captions to rows of token numbers and back; the numbers are those of a model's own tokenizer.json. No torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from medxpert.errors import DataError
from medxpert.folders import write_json

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
_PADDING, _UNKNOWN, _END, _START = "[PAD]", "[UNK]", "[SEP]", "[DEC]"
_MOST_EXTRA = 2
"""BLIP adds a mark of the decoder and one of the encoder to BERT's vocabulary; its tokenizer may lack both."""
_FEWEST = 2
"""Times that a word must occur."""
_WORDS = Regex(r"\w+(?:[-'/]\w+)*|[^\w\s]")
_BEFORE, _WITHIN = re.compile(r"\s+([.,;:!?)\]%])"), re.compile(r"(\w)\s*([-/'])\s*(?=\w)|([(\[])\s+")
_SENTENCE = re.compile(r"(^|[.!?]\s+)([a-z])")


class Marks(NamedTuple):
    """Numbers of the tokens that are no words."""

    start: int
    end: int
    padding: int


class Tokens:
    """Turns captions into rows of token numbers and back.

    Args:
        tokenizer: splits words; its own marks are left out.
        marks: what a row begins, ends and is filled with.
        context_length: longest row; a longer caption is cut and still ends with the end mark.
    """

    def __init__(self, tokenizer: Tokenizer, marks: Marks, context_length: int) -> None:
        self._tokenizer = tokenizer
        self.marks = marks
        self.context_length = context_length

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokenise B captions to [B, L], padded to the longest of them."""
        rows = [[self.marks.start, *one[: self.context_length - 2], self.marks.end] for one in self._numbers(texts)]
        tokens = np.full((len(rows), max(map(len, rows), default=0)), self.marks.padding, np.int64)
        for target, row in zip(tokens, rows, strict=True):
            target[: len(row)] = row
        return tokens

    def _numbers(self, texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def text(self, numbers: Sequence[int]) -> str:
        """Return the caption of one row up to its end mark, with sentences that begin with a capital.

        Where the mark is missing, the last sentence was cut, and is left out unless it is all there is.
        """
        words = list(numbers)[1:] if list(numbers)[:1] == [self.marks.start] else list(numbers)
        ended = self.marks.end in words
        if ended:
            words = words[: words.index(self.marks.end)]
        text = tidy(self._tokenizer.decode(words, skip_special_tokens=True))
        return text if ended or "." not in text else text[: text.rindex(".") + 1]

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, and what lets transformers open the folder."""
        self._tokenizer.save(str(folder / TOKENIZER))
        names = {"pad_token": self.marks.padding, "sep_token": self.marks.end}
        known = {name: self._tokenizer.id_to_token(number) for name, number in names.items()}
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": self.context_length, **known}
        write_json(folder / SETTINGS, settings)


def tidy(text: str) -> str:
    """Put back what tokenizers take from lower-case words: no space before a full stop, capitals behind one."""
    text = _BEFORE.sub(r"\1", " ".join(text.split()))
    text = _WITHIN.sub(lambda found: found[3] or f"{found[1]}{found[2]}", text)
    return _SENTENCE.sub(lambda found: found[1] + found[2].upper(), text)


def learn_words(texts: Iterable[str], context_length: int, most: int = 8000) -> Tokens:
    """Make a tokenizer of the words and punctuation marks that occur twice in some texts, the commonest first."""
    parts = Tokenizer(models.WordLevel({_UNKNOWN: 0}, unk_token=_UNKNOWN))
    parts.normalizer = normalizers.Lowercase()
    parts.pre_tokenizer = pre_tokenizers.Split(_WORDS, "removed", invert=True)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in parts.pre_tokenizer.pre_tokenize_str(text.lower()))
    marks = [_PADDING, _UNKNOWN, _END, _START]
    ranked = sorted((word for word, count in counts.items() if count >= _FEWEST), key=lambda w: (-counts[w], w))
    vocabulary = {word: number for number, word in enumerate([*marks, *ranked[: most - len(marks)]])}
    parts.model = models.WordLevel(vocabulary, unk_token=_UNKNOWN)
    parts.add_special_tokens(marks)
    return Tokens(parts, Marks(vocabulary[_START], vocabulary[_END], vocabulary[_PADDING]), context_length)


def vocabulary_size(tokens: Tokens) -> int:
    """Return how many tokens a tokenizer knows."""
    return int(tokens._tokenizer.get_vocab_size())


def read_tokens(folder: Path, marks: Marks, vocab_size: int, context_length: int) -> Tokens:
    """Open the tokenizer of a BLIP folder.

    Args:
        folder: holds tokenizer.json.
        marks: as the model's configuration numbers them.
        vocab_size: tokens of the model.
        context_length: longest row.

    Raises:
        DataError: the file is missing or broken, or its vocabulary is not the model's.
    """
    path = folder / TOKENIZER
    if not path.is_file():
        raise DataError(f"{path} is missing; a BLIP folder needs the fast tokenizer that its model was trained with")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more precise
        raise DataError(f"{path} is no tokenizer ({str(error).splitlines()[0]}); take the model's own") from error
    found = tokenizer.get_vocab_size()
    names = [tokenizer.id_to_token(number) for number in (marks.padding, marks.end)]
    if not vocab_size - _MOST_EXTRA <= found <= vocab_size or names != [_PADDING, _END]:
        raise DataError(
            f"{path} has another vocabulary than the model: expected {vocab_size:,} tokens with {_PADDING} at "
            f"{marks.padding} and {_END} at {marks.end}, found {found:,} with {names[0]} and {names[1]}; "
            "take the tokenizer.json that the model was trained with"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Tokens(tokenizer, marks, context_length)
