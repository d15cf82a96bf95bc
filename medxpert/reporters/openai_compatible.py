"""Reports by any server that speaks OpenAI's chat completions: Ollama, vLLM, LM Studio, OpenAI itself."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import httpx2

from medxpert.endpoints import is_loopback
from medxpert.errors import ConfigError, MissingExtraError
from medxpert.reporters.connection import Connection
from medxpert.reporters.keys import key_of
from medxpert.reporters.prompt import Form, Prompt
from medxpert.reporters.remote import Held, Holding, LanguageModelReporter, cause_of
from medxpert.reporters.retries import Failed, Unreadable, told
from medxpert.reporting import Endpoint

if TYPE_CHECKING:
    from openai import OpenAI

PROVIDERS = (
    "openai.com",
    "googleapis.com",
    "openrouter.ai",
    "anthropic.com",
    "mistral.ai",
    "groq.com",
    "together.xyz",
    "deepseek.com",
)
"""Whose bare keys are always public."""
KEY = "OPENAI_API_KEY"
API = "https://api.openai.com/v1"
_UNUSED_KEY = "unused"
"""The library insists on one; servers that need none ignore it."""


class Dialect(NamedTuple):
    """What of the protocol a server understands."""

    form: Literal["json_schema", "json_object", "text"] = "json_schema"
    """How strictly the answer's form is asked for; the parser is as strict in any case."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    warm: bool = True
    """Whether a temperature is sent; some models take only their own."""


@dataclass(kw_only=True)
class OpenAIReporter(LanguageModelReporter):
    """Asks a model behind an OpenAI-compatible server.

    A server on a loopback address is this machine: nothing leaves it, no proxy of the environment is used, and no
    key is needed. The key goes where base_url points, but over plain http to no other machine. Where a server refuses
    a part of the protocol, the same question is asked again without that part, which is no further attempt.

    Raises:
        ConfigError: a value is out of its range, or no model is named.
    """

    dialect: Dialect = field(default_factory=Dialect, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = "openai"

    @property
    def endpoint(self) -> Endpoint:
        """Where the case would be sent."""
        name, own = urlsplit(self._url()).netloc, not self._is_forwarded()
        return self._endpoint(name, self._url(), own=own, can_attest=self._is_own())

    def _url(self) -> str:
        return self.base_url or API

    def _is_forwarded(self) -> bool:
        """Tell models that a server on this machine only passes on, as Ollama does with "name-cloud"."""
        return self.model.endswith(("-cloud", ":cloud"))

    def _is_own(self) -> bool:
        """Tell a server that somebody can vouch for: no provider of bare keys, and none that is spoken to in clear."""
        host = (urlsplit(self._url()).hostname or "").rstrip(".")
        sold = any(host == one or host.endswith(f".{one}") for one in PROVIDERS)
        return not sold and (self._url().startswith("https://") or is_loopback(self._url()))

    def _is_openai(self) -> bool:
        return (urlsplit(self._url()).hostname or "").rstrip(".") == urlsplit(API).hostname

    def _key(self) -> str:
        if not self._url().startswith("https://") and not is_loopback(self._url()):
            return ""
        return key_of((KEY,), needed=self._is_openai())

    def _ask(self, prompt: Prompt) -> str:
        key = self._key()
        with Connection(self._url(), self.timeout_seconds, KEY, (key,)) as connection:
            return self._negotiated(self._client(connection, key), prompt)

    def _negotiated(self, client: OpenAI, prompt: Prompt) -> str:
        """Ask in ever simpler dialects until one is understood, and keep to that one."""
        dialect = self.dialect
        while True:
            try:
                answer = self._completed(client, prompt, dialect)
            except Failed as failure:
                if (simpler := simplified(dialect, failure)) is None:
                    raise
                dialect = simpler
            else:
                self.dialect = dialect
                return _text(answer)

    def _completed(self, client: OpenAI, prompt: Prompt, dialect: Dialect) -> Any:
        """Return the answer's JSON object as plain values."""
        from openai import OpenAIError

        try:
            answer = client.chat.completions.with_raw_response.create(**self._arguments(prompt, dialect))
        except OpenAIError as error:
            raise cause_of(error, Failed) or Failed(
                f"cannot be asked ({type(error).__name__})", "check the reporter's settings"
            ) from None
        return json.loads(answer.content)

    def _body(self, prompt: Prompt) -> bytes:
        with Holding(trust_env=False) as holding:
            client = self._client(holding, "")
            from openai import OpenAIError

            try:
                client.chat.completions.create(**self._arguments(prompt, self.dialect))
            except (Held, OpenAIError) as error:
                if held := cause_of(error, Held):
                    return bytes(held.body)
        raise ConfigError("reporter.dry_run: openai made no request to show; pip install -U 'medxpert[reports]'")

    def _client(self, connection: httpx2.Client, key: str) -> OpenAI:
        try:
            from openai import Omit, OpenAI
        except ImportError:
            raise MissingExtraError("openai", "reports") from None
        return OpenAI(
            api_key=key or _UNUSED_KEY,
            base_url=self._url(),
            timeout=self.timeout_seconds,
            max_retries=0,
            http_client=connection,
            # openai takes this to leave a header out, though its types do not say so
            default_headers={name: Omit() for name in self._unwanted()},  # type: ignore[misc]
        )

    def _unwanted(self) -> list[str]:
        """Return the headers that the environment would add for OpenAI, where the server is somebody else's."""
        if self._is_openai():
            return []
        custom = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
        return ["OpenAI-Organization", "OpenAI-Project", *(line.partition(":")[0].strip() for line in custom if line)]

    def _arguments(self, prompt: Prompt, dialect: Dialect) -> dict[str, Any]:
        content: Any = prompt.text
        if prompt.image is not None:
            picture = {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{b64encode(prompt.image).decode()}"},
            }
            content = [{"type": "text", "text": prompt.text}, picture]
        arguments: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}],
            dialect.limit: self.max_tokens,
        }
        if dialect.warm:
            arguments["temperature"] = self.temperature
        if dialect.form != "text":
            arguments["response_format"] = _form(dialect.form, prompt.form)
        return arguments


def simplified(dialect: Dialect, failure: Failed) -> Dialect | None:
    """Return what to try after a server refused a request; None where it was not the protocol that it refused."""
    if failure.status not in (400, 422, 501):
        return None
    reason = failure.what.lower()
    if "max_completion_tokens" in reason and dialect.limit == "max_tokens":
        return dialect._replace(limit="max_completion_tokens")
    if "temperature" in reason and dialect.warm:
        return dialect._replace(warm=False)
    if dialect.form == "json_schema":
        return dialect._replace(form="json_object")
    return dialect._replace(form="text") if dialect.form == "json_object" else None


def _form(name: str, form: Form) -> dict[str, Any]:
    if name == "json_schema":
        return {"type": name, "json_schema": {"name": form.name, "strict": True, "schema": form.schema}}
    return {"type": name}


def _text(answer: Any) -> str:
    """Return what the model wrote.

    Raises:
        Failed: it refused, was cut off, or said nothing.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise Unreadable("answered JSON that is no chat completion", "check reporter.base_url (it often ends in /v1)")
    reason = choice.get("finish_reason")
    if reason == "length":
        raise Failed("was cut off at the most tokens (length)", "raise reporter.max_tokens")
    if reason == "content_filter" or message.get("refusal"):
        raise Failed("refused to write for safety's sake", "try another reporter.model")
    if reason not in ("stop", None, "eos", "end_turn"):
        raise Unreadable(f"stopped before the end ({told(str(reason))})", "try another reporter.model")
    content = message.get("content")
    if not isinstance(content, str):
        raise Unreadable("answered nothing", "try another reporter.model")
    return content
