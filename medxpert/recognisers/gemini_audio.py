"""Speech by Gemini, through its API with a key of the environment or through Vertex AI; it is never local."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from medxpert.endpoints import Attestation, endpoint_of, is_loopback
from medxpert.errors import ConfigError, RemoteError
from medxpert.exchange import Heard, Sound
from medxpert.recognisers.sound import wav
from medxpert.reporting import Endpoint

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
API = "https://generativelanguage.googleapis.com/"
AGAIN = (408, 429, 500, 502, 503, 504)
"""Answers after which another try may help."""
MOST_CHARACTERS = 2_000
"""Of what somebody can say in a minute; more is not what was said."""
_ASKED = (
    "Write down, word for word and in English, what is said in this recording: a query or a question about a chest "
    "radiograph. Do not answer it and do not add to it. Where you cannot make it out with certainty, set understood to "
    "false and leave text empty."
)
_SCHEMA: dict[str, Any] = {
    "type": "OBJECT",
    "properties": {"understood": {"type": "BOOLEAN"}, "text": {"type": "STRING"}},
    "required": ["understood", "text"],
}
_CURES = {
    400: "check recogniser.model and the key",
    401: f"check {KEYS[0]}",
    403: f"check {KEYS[0]} and what it may do",
    404: "check recogniser.model",
    429: "wait, or raise the quota of your account",
}


@dataclass(kw_only=True)
class GeminiRecogniser:
    """Asks a Gemini model what is said.

    Args:
        model: its id; Google retires ids, so it is configuration.
        project: of Google Cloud, for Vertex AI; "" for the Gemini API.
        location: of Vertex AI, such as europe-west4.
        base_url: another place than Google's own, https or on this machine; "" for Google's.
        timeout_seconds: for one try.
        attempts: the most requests per recording.
        confirm_voice: somebody confirmed that the recording names nobody and that who speaks agrees to its sending.
        attested_endpoint: the endpoint's name where somebody verified that it retains nothing.
        attested_on: the date of that, ISO.
        attested_statement: who verified it and how.

    Raises:
        ConfigError: a value is out of its range, only one of project and location is set, the key would travel in the
            clear, or the statement does not hold for this endpoint.
    """

    model: str = "gemini-3.8-flash"
    project: str = ""
    location: str = ""
    base_url: str = ""
    timeout_seconds: float = 60.0
    attempts: int = 4
    confirm_voice: bool = False
    attested_endpoint: str = ""
    attested_on: str = ""
    attested_statement: str = ""
    name: str = field(default="gemini", init=False)

    def __post_init__(self) -> None:
        for key, low, high in (("timeout_seconds", 0.05, 3600), ("attempts", 1, 20)):
            value = getattr(self, key)
            if isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"recogniser.{key}: expected {low} to {high}, found {value}; change recogniser.{key}")
        if not self.model or not self.model.isprintable() or set(self.model) & set(" ?#%\\") or ".." in self.model:
            raise ConfigError(f"recogniser.model: expected the id of a model, found {self.model[:80]!r}; change it")
        if bool(self.project) != bool(self.location):
            raise ConfigError("recogniser.project, recogniser.location: Vertex AI needs both; set or leave out both")
        if self.base_url and not is_loopback(self.base_url) and not _plain_https(self.base_url):
            raise ConfigError("recogniser.base_url: expected https://host/path without user or query; change it")
        _ = self.endpoint

    @property
    def model_id(self) -> str:
        """Which model listens."""
        return self.model

    @property
    def endpoint(self) -> Endpoint:
        """Where recordings would be sent: Vertex AI may be attested, a bare key is always public."""
        name = f"Vertex project {self.project} in {self.location}" if self.project else "Gemini API"
        if self.base_url:
            name += f" at {urlsplit(self.base_url).netloc}"
        stated = self.attested_endpoint or self.attested_on or self.attested_statement
        attestation = Attestation(self.attested_endpoint, self.attested_on, self.attested_statement) if stated else None
        try:
            return endpoint_of(name, self.base_url or None, False, attestation, can_attest=bool(self.project))
        except ConfigError as error:
            raise ConfigError(str(error).replace("reporter.", "recogniser.")) from None

    def payload(self, sound: Sound) -> bytes:
        """Return what would be sent as JSON: the instruction and the recording as base64; it holds no key."""
        audio = base64.b64encode(wav(sound)).decode()
        return json.dumps({"model": self.model, "text": _ASKED, "audio/wav": audio}).encode()

    def __call__(self, sound: Sound) -> Heard:
        """Recognise one recording.

        Raises:
            RemoteError: there is no key, or the service failed for good.
        """
        key = "" if self.project else _key()
        with self._faults(key), _transport(self.base_url or API, self.timeout_seconds) as transport:
            return self._read(self._generated(self._client(transport, key), wav(sound)))

    def _generated(self, client: Client, audio: bytes) -> GenerateContentResponse:
        from google.genai.types import Content, GenerateContentConfig, Part

        return client.models.generate_content(
            model=self.model,
            contents=Content(
                role="user", parts=[Part.from_text(text=_ASKED), Part.from_bytes(data=audio, mime_type="audio/wav")]
            ),
            config=GenerateContentConfig(
                temperature=0.0, response_mime_type="application/json", response_schema=_SCHEMA, candidate_count=1
            ),
        )

    def _client(self, transport: httpx2.Client, key: str) -> Client:
        from google.genai import Client
        from google.genai.types import HttpOptions, HttpRetryOptions

        options = HttpOptions(
            base_url=self.base_url or (None if self.project else API),
            timeout=int(self.timeout_seconds * 1000),
            retry_options=HttpRetryOptions(
                attempts=self.attempts, initial_delay=0.5, max_delay=8, http_status_codes=list(AGAIN)
            ),
            httpx_client=transport,
        )
        if self.project:
            return Client(vertexai=True, project=self.project, location=self.location, http_options=options)
        return Client(vertexai=False, api_key=key, http_options=options)

    def _read(self, response: GenerateContentResponse) -> Heard:
        """Read an answer; anything but the agreed JSON is a fault, never a text."""
        feedback = response.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            raise self._fault(f"blocked the recording ({_name(feedback.block_reason)})", "type the query instead")
        candidate = response.candidates[0] if response.candidates else None
        reason = _name(candidate.finish_reason) if candidate is not None else "no candidate"
        if candidate is None or reason not in ("STOP", ""):
            raise self._fault(f"stopped before the end ({reason})", "try again, or another recogniser.model")
        parts = candidate.content.parts if candidate.content and candidate.content.parts else []
        heard = _parsed("".join(part.text or "" for part in parts if not part.thought))
        if heard is None:
            raise self._fault("answered with something else than was asked for", "try another recogniser.model")
        return heard

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        """Turn what the transport and Google's library raise into one line without the key."""
        from google.auth.exceptions import GoogleAuthError
        from google.genai.errors import APIError

        try:
            yield
        except APIError as error:
            cure = _CURES.get(error.code, "try again later, or check recogniser.model")
            raise self._fault(f"refused ({error.code}: {_told(error.message or '', key)})", cure) from None
        except GoogleAuthError:
            raise self._fault("has no credentials that work", "run gcloud auth application-default login") from None
        except httpx2.TimeoutException:
            cure = "try again, or raise recogniser.timeout_seconds"
            raise self._fault(f"did not answer within {self.timeout_seconds:g} s", cure) from None
        except (httpx2.HTTPError, OSError) as error:
            cure = "check the network and recogniser.base_url"
            raise self._fault(f"cannot be reached ({type(error).__name__})", cure) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what = f"answered with something else than a Gemini response ({type(error).__name__})"
            raise self._fault(what, "check recogniser.base_url") from None

    def _fault(self, what: str, cure: str) -> RemoteError:
        return RemoteError(f"{self.endpoint.name} ({self.model}): {what}; {cure}, or use recogniser=grammar")


def _parsed(text: str) -> Heard | None:
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("understood"), bool):
        return None
    said = answer.get("text")
    if not isinstance(said, str) or len(said) > MOST_CHARACTERS:
        return None
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    if not answer["understood"] or not line:
        return Heard("", None, "the service could not make out what was said")
    return Heard(line)


def _transport(url: str, timeout_seconds: float) -> httpx2.Client:
    """Make a client that follows no redirect, which could carry a voice elsewhere, and uses no proxy on loopback."""
    return httpx2.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=not is_loopback(url))


def _key() -> str:
    for name in KEYS:
        if key := os.environ.get(name, "").strip():
            if not key.isascii() or not key.isprintable() or " " in key:
                raise RemoteError(f"Gemini API: {name} holds characters that no key has; set {name} again")
            return key
    raise RemoteError(f"Gemini API: needs a key, and the environment has none; set {KEYS[0]}")


def _plain_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return plain and url.isprintable() and not set(url) & set(" @?#\\")


def _told(text: str, key: str) -> str:
    line = " ".join((text.replace(key, "[key]") if key else text)[:2_000].split())
    return line if len(line) <= 160 else line[:157] + "..."


def _name(value: Any) -> str:
    return str(getattr(value, "value", value) or "")
