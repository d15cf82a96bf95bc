"""Reports by a language model in a folder of this machine, with or without eyes.

Nothing leaves the machine and nothing is fetched.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import PIL.Image

from medxpert.errors import ConfigError, RemoteError
from medxpert.exchange import Question, Reply
from medxpert.reporters.asking import parse_reply, question_of
from medxpert.reporters.limits import within
from medxpert.reporters.prompt import Prompt, prompt_of
from medxpert.reporters.retries import Failed, persist, told
from medxpert.reporters.schema import parse
from medxpert.reporting import Case, Draft, Endpoint

Wanted = TypeVar("Wanted")
_LOADING_FAULTS = (OSError, ValueError, ImportError, KeyError, RuntimeError, AttributeError, TypeError)


class _Loaded(NamedTuple):
    model: Any
    processor: Any
    sees: bool
    """Whether it takes pictures."""


@dataclass(kw_only=True)
class TransformersReporter:
    """Asks a vision-language or causal language model of Hugging Face transformers.

    Weights must be safetensors; code that comes with a model is never run.

    Args:
        model: folder that holds config.json, weights and processor or tokenizer.
        timeout_seconds: for the writing of one report.
        max_tokens: of the answer.
        temperature: of sampling; 0 takes the likeliest token, so that equal cases give equal reports.
        send_image: whether to ask for the pixels; a model without eyes does not get them.
        dry_run: whether to show the request, and run nothing.
        max_cases: similar cases told of, the nearest first.
        device: "auto" takes a CUDA device where there is one.

    Raises:
        ConfigError: there is no such folder, or a value is out of its range.
    """

    model: str
    timeout_seconds: float = 600.0
    max_tokens: int = 2048
    temperature: float = 0.0
    send_image: bool = False
    dry_run: bool = False
    max_cases: int = 4
    device: Literal["auto", "cpu", "cuda"] = "auto"
    name: str = field(default="transformers", init=False)
    model_id: str = field(default="", init=False)
    _loaded: _Loaded | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        within("timeout_seconds", self.timeout_seconds, 0.05, 86_400)
        within("max_tokens", self.max_tokens, 16, 1_000_000)
        within("temperature", self.temperature, 0, 2)
        within("max_cases", self.max_cases, 0, 50)
        if not (Path(self.model) / "config.json").is_file():
            raise ConfigError(f"reporter.model: expected a folder with config.json, found none at {self.model!r}")
        self.model_id = Path(self.model).resolve().name

    @property
    def endpoint(self) -> Endpoint:
        """This machine."""
        return Endpoint("local", "this machine")

    def __call__(self, case: Case) -> Draft:
        """Write the draft.

        Raises:
            RemoteError: the model cannot be opened, took too long, or wrote something else than was asked for.
        """
        prompt = self._prompt(case)
        return self._persist(lambda: parse(self._written(prompt)))

    def answer(self, case: Case, question: Question) -> Reply:
        """Answer a question about a case; the answer is not checked.

        Raises:
            RemoteError: the model cannot be opened, took too long, refused or wrote nothing.
        """
        prompt = question_of(case, question, self.send_image, self.max_cases)
        return self._persist(lambda: parse_reply(self._written(prompt), question, self.name))

    def preview(self, case: Case) -> str:
        """Return the conversation as indented JSON, a picture as "<image, N bytes>"."""
        return _shown(self._prompt(case))

    def preview_question(self, case: Case, question: Question) -> str:
        """Return the conversation that `answer` would begin, likewise."""
        return _shown(question_of(case, question, self.send_image, self.max_cases))

    def tokens(self, case: Case) -> int:
        """Estimate the tokens of the request and its answer."""
        return self._prompt(case).tokens(self.max_tokens)

    def _prompt(self, case: Case) -> Prompt:
        return prompt_of(case, self.send_image, self.max_cases)

    def _persist(self, ask: Callable[[], Wanted]) -> Wanted:
        return persist(ask, f"{self.model_id} on this machine", 2 if self.temperature > 0 else 1)

    def _written(self, prompt: Prompt) -> str:
        """Let the model write.

        Raises:
            Failed: it could not, or not to the end.
        """
        loaded = self._opened()
        try:
            inputs = _inputs(loaded, prompt).to(loaded.model.device)
            self._check_length(loaded, inputs["input_ids"].shape[1])
            start = time.monotonic()
            ids = loaded.model.generate(**inputs, **self._generation(loaded))
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
            raise Failed(
                f"cannot write ({type(error).__name__}: {told(str(error))})", "check reporter.model"
            ) from error
        written = ids[0, inputs["input_ids"].shape[1] :]
        if time.monotonic() - start >= self.timeout_seconds:
            raise Failed(f"did not end within {self.timeout_seconds:g} s", "raise reporter.timeout_seconds")
        if len(written) >= self.max_tokens:
            raise Failed("was cut off at the most tokens", "raise reporter.max_tokens or take another model")
        return str(loaded.processor.decode(written, skip_special_tokens=True))

    def _check_length(self, loaded: _Loaded, length: int) -> None:
        longest = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)
        if longest and length + self.max_tokens > longest:
            raise Failed(
                f"reads and writes at most {longest} tokens, and this needs {length} + {self.max_tokens}",
                "lower reporter.max_cases or reporter.max_tokens",
            )

    def _generation(self, loaded: _Loaded) -> dict[str, Any]:
        tokenizer = getattr(loaded.processor, "tokenizer", loaded.processor)
        sampling = (
            {"do_sample": True, "temperature": self.temperature} if self.temperature > 0 else {"do_sample": False}
        )
        return sampling | {
            "max_new_tokens": self.max_tokens,
            "max_time": self.timeout_seconds,
            "pad_token_id": tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
        }

    def _opened(self) -> _Loaded:
        if self._loaded is None:
            from safetensors import SafetensorError

            try:
                self._loaded = _load(self.model, self.device)
            except (*_LOADING_FAULTS, SafetensorError) as error:
                raise RemoteError(
                    f"{self.model_id} on this machine: cannot be opened ({type(error).__name__}: {told(str(error))}); "
                    "check the folder reporter.model"
                ) from error
        return self._loaded


def _load(folder: str, device: str) -> _Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    from transformers.utils.import_utils import is_torch_cuda_available

    offline: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    sees = type(AutoConfig.from_pretrained(folder, **offline)) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    kind: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    processor = AutoProcessor.from_pretrained(folder, **offline)
    model, report = kind.from_pretrained(
        folder, dtype="auto", use_safetensors=True, output_loading_info=True, **offline
    )
    if report["missing_keys"]:
        raise ValueError(f"its weights lack {sorted(report['missing_keys'])[0]}")
    cuda = device == "cuda" or (device == "auto" and is_torch_cuda_available())
    return _Loaded(model.eval().to("cuda" if cuda else "cpu"), processor, sees)


def _inputs(loaded: _Loaded, prompt: Prompt) -> Any:
    """Turn the conversation into tokens by the model's own template; into plain text where it has none."""
    tokenizer = getattr(loaded.processor, "tokenizer", loaded.processor)
    picture = PIL.Image.open(io.BytesIO(prompt.image)).convert("RGB") if prompt.image else None
    if getattr(loaded.processor, "chat_template", None) or getattr(tokenizer, "chat_template", None):
        return loaded.processor.apply_chat_template(
            _conversation(prompt, picture, parts=loaded.sees),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    return tokenizer(f"{prompt.system}\n\n{prompt.text}\n\n", return_tensors="pt")


def _shown(prompt: Prompt) -> str:
    picture = f"<image, {len(prompt.image)} bytes>" if prompt.image is not None else None
    return json.dumps({"messages": _conversation(prompt, picture)}, indent=2, ensure_ascii=False)


def _conversation(prompt: Prompt, picture: Any, parts: bool = True) -> list[dict[str, Any]]:
    if not parts:
        return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.text}]
    seen = [] if picture is None else [{"type": "image", "image": picture}]
    return [
        {"role": "system", "content": [{"type": "text", "text": prompt.system}]},
        {"role": "user", "content": [*seen, {"type": "text", "text": prompt.text}]},
    ]
