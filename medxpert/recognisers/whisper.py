"""Speech by a Whisper of Hugging Face transformers, on this machine: free language, unlike the grammar's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from medxpert.errors import ConfigError, RemoteError
from medxpert.exchange import Heard, Sound
from medxpert.recognisers.sound import RATE_HZ
from medxpert.reporting import Endpoint

WINDOW_SECONDS = 30.0
"""What Whisper hears at once."""
MOST_REPEATS, LONGEST_REPEATED = 4, 4
"""So many repetitions in a row of so many words or fewer are a loop, not speech."""
_SILENCE = ("<|nospeech|>", "<|nocaptions|>")
_LOADING_FAULTS = (OSError, ValueError, ImportError, KeyError, RuntimeError, AttributeError, TypeError)


class _Loaded(NamedTuple):
    model: Any
    processor: Any


class _Written(NamedTuple):
    text: str
    confidence: float
    """Geometric mean of the tokens' probabilities, the end's included."""
    silence: float
    """Probability that nobody speaks."""


@dataclass(kw_only=True)
class WhisperRecogniser:
    """Writes down English speech (Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022).

    Weights must be safetensors. A folder is read as it is; an id is fetched once and then kept by transformers.

    Args:
        model: id at the Hugging Face hub, or folder with config.json, weights and processor.
        max_tokens: of what is written; a query has 10 to 30.
        least_confidence: what is written with less counts as not understood.
        most_silence: likewise where Whisper thinks more probably that nobody speaks.

    Raises:
        ConfigError: a value is out of its range, or the folder does not exist.
    """

    model: str = "openai/whisper-small"
    max_tokens: int = 96
    least_confidence: float = 0.5
    most_silence: float = 0.6
    name: str = field(default="whisper", init=False)
    model_id: str = field(default="", init=False)
    _loaded: _Loaded | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for key, low, high in (("max_tokens", 4, 400), ("least_confidence", 0, 1), ("most_silence", 0, 1)):
            value = getattr(self, key)
            if isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"recogniser.{key}: expected {low} to {high}, found {value}; change recogniser.{key}")
        folder = Path(self.model).expanduser()
        if not self.model or (not folder.is_dir() and (self.model[0] in "./~" or self.model.count("/") > 1)):
            raise ConfigError(
                f"recogniser.model: expected a folder with a Whisper model, found none at {self.model!r}; "
                "give a folder, or an id such as openai/whisper-small"
            )
        self.model_id = folder.resolve().name if folder.is_dir() else self.model

    @property
    def endpoint(self) -> Endpoint:
        """This machine."""
        return Endpoint("local", "this machine")

    def __call__(self, sound: Sound) -> Heard:
        """Recognise one recording of at most 30 s.

        Raises:
            ConfigError: the model cannot be fetched or opened.
            RemoteError: it fails on this recording.
        """
        if sound.seconds > WINDOW_SECONDS:
            return Heard("", None, f"it lasts {sound.seconds:.0f} s, and Whisper hears {WINDOW_SECONDS:.0f} s at once")
        loaded = self._opened()
        try:
            written = _written(loaded, sound, self.max_tokens)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
            raise RemoteError(
                f"{self.model_id} on this machine: fails on the recording ({type(error).__name__}: {_line(error)}); "
                "check recogniser.model"
            ) from error
        return self._judged(written)

    def _judged(self, written: _Written) -> Heard:
        heard = round(written.confidence, 4)
        if written.silence > self.most_silence:
            return Heard("", heard, f"nobody seems to speak (probability {written.silence:.2f})")
        if not any(letter.isalnum() for letter in written.text):
            return Heard("", heard, "no word was heard")
        if repeats(written.text):
            return Heard("", heard, "the model repeats itself, as it does where there is no clear speech")
        if written.confidence < self.least_confidence:
            return Heard("", heard, f"confidence {heard:.2f} is below {self.least_confidence:g}")
        return Heard(written.text, heard)

    def _opened(self) -> _Loaded:
        if self._loaded is None:
            from safetensors import SafetensorError

            try:
                self._loaded = _load(self.model)
            except (*_LOADING_FAULTS, SafetensorError) as error:
                where = "check the folder" if Path(self.model).expanduser().is_dir() else "check the id and the network"
                raise ConfigError(
                    f"recogniser.model: expected a Whisper model, and {self.model!r} cannot be opened "
                    f"({type(error).__name__}: {_line(error)}); {where}, or use recogniser=grammar"
                ) from error
        return self._loaded


def repeats(text: str) -> bool:
    """Tell whether a few words come again and again, which decoders do where they have lost the speech."""
    words = text.lower().split()
    for length in range(1, LONGEST_REPEATED + 1):
        for start in range(len(words) - length * MOST_REPEATS + 1):
            span = words[start : start + length * MOST_REPEATS]
            if span == span[:length] * MOST_REPEATS:
                return True
    return False


def _load(name: str) -> _Loaded:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    folder = Path(name).expanduser()
    here = folder.is_dir()
    place = str(folder) if here else name
    opened: Any = WhisperForConditionalGeneration.from_pretrained(
        place, dtype="float32", use_safetensors=True, output_loading_info=True, local_files_only=here
    )
    model, report = opened
    if report["missing_keys"]:
        raise ValueError(f"its weights lack {sorted(report['missing_keys'])[0]}")
    processor: Any = WhisperProcessor.from_pretrained(place, local_files_only=here)
    if len(processor.tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"its tokenizer has {len(processor.tokenizer)} tokens, its weights know {model.config.vocab_size}"
        )
    return _Loaded(model.eval().requires_grad_(False), processor)


def _written(loaded: _Loaded, sound: Sound, max_tokens: int) -> _Written:
    """Write greedily, then read the whole once more for the probability of each token."""
    model, tokenizer = loaded.model, loaded.processor.tokenizer
    features = loaded.processor(sound.samples, sampling_rate=RATE_HZ, return_tensors="pt").input_features
    spoken = {"language": "en", "task": "transcribe"} if model.generation_config.is_multilingual else {}
    ids = model.generate(features, max_new_tokens=max_tokens, do_sample=False, num_beams=1, **spoken)[0].tolist()
    special = set(tokenizer.all_special_ids)
    words = [token for token in ids if token not in special]
    start = _start(tokenizer, bool(spoken))
    whole = [*start, *words, tokenizer.eos_token_id]
    # the features' own device and library, so that torch need not be named here
    logits = model(features, decoder_input_ids=features.new_tensor([whole[:-1]]).long()).logits[0]
    chances = logits.log_softmax(-1)
    known = [float(chances[place - 1, token]) for place, token in enumerate(whole) if place >= len(start)]
    silence = [tokenizer.convert_tokens_to_ids(token) for token in _SILENCE if token in tokenizer.all_special_tokens]
    return _Written(
        tokenizer.decode(words, skip_special_tokens=True).strip(),
        math.exp(sum(known) / len(known)),
        max((math.exp(float(chances[0, token])) for token in silence), default=0.0),
    )


def _start(tokenizer: Any, multilingual: bool) -> list[int]:
    """Return the tokens that the decoder begins with: English, to be written down, without times."""
    names = ["<|startoftranscript|>", *(["<|en|>", "<|transcribe|>"] if multilingual else []), "<|notimestamps|>"]
    return [int(tokenizer.convert_tokens_to_ids(name)) for name in names]


def _line(error: BaseException) -> str:
    line = " ".join(str(error).split())
    return line if len(line) <= 160 else line[:157] + "..."
