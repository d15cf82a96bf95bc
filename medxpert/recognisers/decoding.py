"""Two readings of one recording by pocketsphinx: as words of a grammar, and as any sounds whatever.

The second is what the first is measured against: speech from outside the grammar fits free sounds much better.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError, MissingExtraError

HERE = Path(__file__).parent
GRAMMAR, PRONUNCIATIONS = HERE / "findings.gram", HERE / "pronunciations.json"
PAD_SAMPLES = 2_400
PEAK, DITHER = 0.5, 0.002
"""Of full scale. Digital silence is like nothing that the acoustic model was trained on: without noise under it, a
quarter of the words of synthetic speech are lost."""
_SETTINGS = {
    "lw": 2.0,
    "wip": 0.2,
    "silprob": 0.1,
    "beam": 1e-40,
    "pbeam": 1e-40,
    "wbeam": 1e-25,
    "maxhmmpf": 3_000,
    "loglevel": "FATAL",
}
_FREE_SCALE = 1024
"""pocketsphinx shortens the scores of its phone loop by ten bits."""
_TINIEST = 1e-300
_NO_WORD = ("<", "[", "(", "+", "SIL")
_LEFT_OVER = ("and", "or", "at", "in", "on")
"""Short words that noise after the speech is heard as; few sentences of the grammar end with them."""


class Fit(NamedTuple):
    """How well the words fit the sound, in nats per frame of 10 ms relative to any sounds whatever; 0 is as well."""

    worst: float
    """Of the word that fits worst."""
    total: float
    """Of the whole paths, with the probabilities of grammar and phones."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; no words where no sentence of the grammar fits, and no fit then."""

    words: tuple[str, ...]
    fit: Fit | None
    speech_frames: int
    """Frames of 10 ms in which any speech sounds are heard."""


class _Part(NamedTuple):
    text: str
    start: int
    end: int
    score: float


class _Path(NamedTuple):
    parts: Sequence[_Part]
    score: float


class GrammarDecoder:
    """pocketsphinx with its own acoustic model of American English, a JSGF grammar and pronunciations.

    Args:
        grammar: JSGF; its words must be in the shipped dictionary or in the pronunciations.
        pronunciations: JSON, word -> list of phone strings (ARPAbet without stress), added to the dictionary's.

    Raises:
        ConfigError: a file cannot be read, or pocketsphinx refuses it.
        MissingExtraError: pocketsphinx is not installed.
    """

    def __init__(self, grammar: Path = GRAMMAR, pronunciations: Path = PRONUNCIATIONS) -> None:
        try:
            from pocketsphinx import Decoder, get_model_path
        except ImportError:
            raise MissingExtraError("pocketsphinx", "voice") from None
        try:
            self._decoder: Any = Decoder(lm=None, **_SETTINGS)
            _add(self._decoder, json.loads(pronunciations.read_text()))
            self._decoder.add_jsgf_string("grammar", grammar.read_text())
            self._sentences: Any = self._decoder.get_fsg("grammar")
            self._decoder.add_allphone_file("phones", get_model_path("en-us/en-us-phone.lm.bin"))
        except (OSError, ValueError, RuntimeError, AttributeError) as error:
            raise ConfigError(
                f"{grammar}: expected a JSGF grammar whose words have pronunciations in {pronunciations.name}, "
                f"and it cannot be used ({error}); correct them"
            ) from error

    def read(self, samples: NDArray[np.float32]) -> Reading:
        """Read samples [T] in -1..1 at 16 kHz both ways. Equal samples are read equally."""
        sound = prepared(samples)
        words, free = self._decoded("grammar", sound), self._decoded("phones", sound)
        if free is None:
            return Reading((), None, 0)
        costs, speech = _costs(free)
        parts = self._sentence(words.parts) if words else []
        if words is None or not parts:
            return Reading((), None, int(speech.sum()))
        fit = Fit(
            min((part.score - costs[part.start : part.end + 1].sum()) / (part.end + 1 - part.start) for part in parts),
            (words.score - free.score) * _FREE_SCALE / max(1, int(speech.sum())),
        )
        return Reading(tuple(part.text for part in parts), fit, int(speech.sum()))

    def accepts(self, sentence: str) -> bool:
        """Tell whether the grammar can say a sentence."""
        return bool(self._sentences.accept(sentence))

    def _sentence(self, parts: Sequence[_Part]) -> Sequence[_Part]:
        """Return the words of a whole sentence, without what noise after it was heard as; none where it breaks off."""
        said = [part for part in parts if not part.text.startswith(_NO_WORD)]
        while said and not self.accepts(" ".join(part.text for part in said)):
            if said[-1].text not in _LEFT_OVER:
                return []
            said = said[:-1]
        return said

    def _decoded(self, search: str, sound: bytes) -> _Path | None:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_raw(sound, no_search=False, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        if found is None or not found.hypstr:
            return None
        parts = [_Part(_spelt(one.word), one.start_frame, one.end_frame, _log(one.ascore)) for one in decoder.seg()]
        return _Path(parts, _log(found.best_score))


def prepared(samples: NDArray[np.float32]) -> bytes:
    """Return samples as 16-bit PCM: even loudness, a short pause before and after, and faint noise throughout."""
    padded = np.pad(samples.astype(np.float64) - samples.mean(), PAD_SAMPLES)
    loud = padded * (PEAK / max(float(np.abs(padded).max()), 1e-9))
    noise = np.random.default_rng(0).normal(0, DITHER, len(loud))
    return bytes(((loud + noise).clip(-1, 1) * 32767).astype(np.dtype("<i2")).tobytes())


def _add(decoder: Any, pronunciations: dict[str, list[str]]) -> None:
    """Add to a dictionary; "word(2)" is the name of a word's second pronunciation."""
    for word, ways in pronunciations.items():
        number = 1
        for phones in ways:
            while decoder.lookup_word(_numbered(word, number)) is not None:
                number += 1
            decoder.add_word(_numbered(word, number), phones, False)


def _numbered(word: str, number: int) -> str:
    return word if number == 1 else f"{word}({number})"


def _costs(free: _Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Spread the log-likelihood of each free sound over its frames, and tell which frames are speech."""
    costs = np.zeros(free.parts[-1].end + 2)
    speech = np.zeros(len(costs), np.bool_)
    for part in free.parts:
        frames = slice(part.start, part.end + 1)
        costs[frames] = part.score * _FREE_SCALE / (part.end + 1 - part.start)
        speech[frames] = not part.text.startswith(_NO_WORD)
    return costs, speech


def _spelt(word: str) -> str:
    return word.split("(")[0] or "(NULL)"


def _log(likelihood: float) -> float:
    return float(np.log(max(likelihood, _TINIEST)))
