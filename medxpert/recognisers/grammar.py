"""Spoken findings queries and simple questions, offline: a closed grammar, and "not understood" for all else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from medxpert.errors import ConfigError
from medxpert.exchange import Heard, Sound
from medxpert.recognisers.decoding import Fit, GrammarDecoder
from medxpert.reporting import Endpoint

BIAS, WEIGHTS = 8.45, Fit(1.08, 3.29)
"""Of a logistic regression on the development sentences of experiments/voice: are all words right?"""
LEAST_FRAMES = 15
"""Of speech sounds; the shortest sentence of the grammar has 40."""
_EXAMPLE = 'say a findings query or a simple question, such as "large left pleural effusion" or "is there an effusion"'


@dataclass(kw_only=True)
class GrammarRecogniser:
    """Understands what its grammar (findings.gram) can say, and nothing else.

    A sentence of the grammar is taken only if its words fit the sound nearly as well as free sounds do (the log
    likelihood ratio of Sukkar and Lee, Vocabulary Independent Discriminative Utterance Verification, 1996).

    Args:
        least_confidence: what is heard with less counts as not understood.

    Raises:
        ConfigError: it is not in 0..1.
    """

    least_confidence: float = 0.8
    name: str = field(default="grammar", init=False)
    model_id: str = field(default="pocketsphinx en-us", init=False)
    _decoder: GrammarDecoder | None = field(default=None, init=False, repr=False)
    _speaking: Any = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        value = self.least_confidence
        if isinstance(value, bool) or not 0 <= value <= 1:
            raise ConfigError(
                f"recogniser.least_confidence: expected 0 to 1, found {value}; change recogniser.least_confidence"
            )

    @property
    def endpoint(self) -> Endpoint:
        """This machine."""
        return Endpoint("local", "this machine")

    def __call__(self, sound: Sound) -> Heard:
        """Recognise one recording.

        Raises:
            MissingExtraError: pocketsphinx is not installed.
        """
        with self._speaking:
            # pocketsphinx hears one voice at a time
            self._decoder = self._decoder or GrammarDecoder()
            reading = self._decoder.read(sound.samples)
        if reading.speech_frames < LEAST_FRAMES:
            return Heard("", None, "no speech was heard")
        if reading.fit is None:
            return Heard("", None, f"it fits no sentence of the grammar; {_EXAMPLE}")
        heard = confidence(reading.fit)
        if heard < self.least_confidence:
            return Heard("", round(heard, 4), f"confidence {heard:.2f} is below {self.least_confidence:g}; {_EXAMPLE}")
        return Heard(" ".join(reading.words), round(heard, 4))


def confidence(fit: Fit) -> float:
    """Return the probability that all words are right."""
    score = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, fit, strict=True))
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))
