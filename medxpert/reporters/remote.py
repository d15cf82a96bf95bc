"""What every reporter that asks a language model shares: its settings, its endpoint, its preview, its patience."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from medxpert.endpoints import Attestation, endpoint_of
from medxpert.exchange import Question, Reply
from medxpert.reporters.asking import parse_reply, question_of
from medxpert.reporters.limits import checked_model, checked_url, within
from medxpert.reporters.prompt import Prompt, prompt_of
from medxpert.reporters.retries import persist
from medxpert.reporters.schema import parse
from medxpert.reporting import Case, Draft, Endpoint

Wanted = TypeVar("Wanted")
PICTURE_KEYS = ("data", "url")
"""Where services' requests hold base64."""


@dataclass(kw_only=True)
class LanguageModelReporter(ABC):
    """Asks a service for a report, or for the answer to a question.

    A case takes at most attempts x timeout_seconds, and between tries at most 60 s each.

    Args:
        model: id of the model at the service.
        base_url: another place than the provider's own; "" for that.
        timeout_seconds: for one whole try, from connecting to the last byte.
        attempts: the most requests per case.
        max_tokens: of the answer, thoughts included.
        temperature: of sampling; 0 takes the likeliest token.
        send_image: whether to ask the privacy gate for the pixels.
        dry_run: whether to show what would be sent, and send nothing.
        max_cases: similar cases told of, the nearest first.
        attested_endpoint: the endpoint's name where somebody verified that it retains nothing.
        attested_on: the date of that, ISO.
        attested_statement: who verified it and how.

    Raises:
        ConfigError: a value is out of its range, or the statement does not hold for this endpoint.
    """

    model: str
    base_url: str = ""
    timeout_seconds: float = 60.0
    attempts: int = 4
    max_tokens: int = 8192
    temperature: float = 0.0
    send_image: bool = False
    dry_run: bool = False
    max_cases: int = 8
    attested_endpoint: str = ""
    attested_on: str = ""
    attested_statement: str = ""
    name: str = field(default="", init=False)
    model_id: str = field(default="", init=False)

    def __post_init__(self) -> None:
        within("timeout_seconds", self.timeout_seconds, 0.05, 3600)
        within("attempts", self.attempts, 1, 20)
        within("max_tokens", self.max_tokens, 16, 1_000_000)
        within("temperature", self.temperature, 0, 2)
        within("max_cases", self.max_cases, 0, 50)
        checked_model(self.model)
        if self.base_url:
            checked_url(self.base_url)
        self.model_id = self.model
        _ = self.endpoint

    @property
    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Where the case would be sent."""

    @abstractmethod
    def _ask(self, prompt: Prompt) -> str:
        """Send one request and return the text of its answer.

        Raises:
            Failed: none came.
        """

    @abstractmethod
    def _body(self, prompt: Prompt) -> bytes:
        """Return the body that `_ask` would send, without sending it."""

    def __call__(self, case: Case) -> Draft:
        """Write the draft.

        Raises:
            RemoteError: the service failed for good; the message says how and what to do.
        """
        prompt = self._prompt(case)
        return self._persist(lambda: parse(self._ask(prompt)))

    def answer(self, case: Case, question: Question) -> Reply:
        """Answer a question about a case; the answer is not checked.

        Raises:
            RemoteError: the service failed for good, refused or answered nothing; the message says what to do.
        """
        prompt = question_of(case, question, self.send_image, self.max_cases)
        return self._persist(lambda: parse_reply(self._ask(prompt), question, self.name))

    def preview(self, case: Case) -> str:
        """Return the body of the request as indented JSON, a picture as "<image, N bytes>". It holds no key."""
        return self._shown(self._prompt(case))

    def preview_question(self, case: Case, question: Question) -> str:
        """Return the body of the request that `answer` would make, likewise."""
        return self._shown(question_of(case, question, self.send_image, self.max_cases))

    def tokens(self, case: Case) -> int:
        """Estimate the tokens of one request and its answer; services count differently, retries come on top."""
        return self._prompt(case).tokens(self.max_tokens)

    def _prompt(self, case: Case) -> Prompt:
        return prompt_of(case, self.send_image, self.max_cases)

    def _persist(self, ask: Callable[[], Wanted]) -> Wanted:
        return persist(ask, f"{self.endpoint.name} ({self.model})", self.attempts)

    def _shown(self, prompt: Prompt) -> str:
        body = json.loads(self._body(prompt))
        return json.dumps(without_pictures(body, len(prompt.image or b"")), indent=2, ensure_ascii=False)

    def _endpoint(self, name: str, base_url: str | None, own: bool, can_attest: bool) -> Endpoint:
        attestation = None
        if self.attested_endpoint or self.attested_on or self.attested_statement:
            attestation = Attestation(self.attested_endpoint, self.attested_on, self.attested_statement)
        return endpoint_of(name, base_url, own, attestation, can_attest=can_attest)


class Held(Exception):
    """Takes a request's place: it was caught before it left.

    Attributes:
        body: of the request.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__("held back")
        self.body = body


class Holding(httpx2.Client):
    """A client that sends nothing, so that a preview is made by the same code as the request."""

    def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Hold a request back.

        Raises:
            Held: always.
        """
        raise Held(request.read())


def cause_of(error: BaseException, kind: type[Exception]) -> Any:
    """Return the first error of a kind among an error and its causes; None where there is none."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__ or found.__context__
    return found


def without_pictures(value: Any, size: int) -> Any:
    """Return a request with its pictures named by their size in bytes."""
    if isinstance(value, dict):
        return {
            key: f"<image, {size} bytes>"
            if key in PICTURE_KEYS and isinstance(child, str)
            else without_pictures(child, size)
            for key, child in value.items()
        }
    return [without_pictures(child, size) for child in value] if isinstance(value, list) else value
