"""Reports by Gemini, through its API with a key of the environment or through Vertex AI; it is never local.

A loopback address may be a proxy to Google, so it earns no trust.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from medxpert.endpoints import is_loopback
from medxpert.errors import ConfigError
from medxpert.reporters.connection import Connection
from medxpert.reporters.keys import key_of
from medxpert.reporters.prompt import Prompt
from medxpert.reporters.remote import Held, Holding, LanguageModelReporter, cause_of
from medxpert.reporters.retries import Failed, Unreadable, told
from medxpert.reporting import Endpoint

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentConfig, GenerateContentResponse

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
API = "https://generativelanguage.googleapis.com/"
HOSTS = {
    "global": "https://aiplatform.googleapis.com/",
    "us": "https://aiplatform.us.rep.googleapis.com/",
    "eu": "https://aiplatform.eu.rep.googleapis.com/",
}
"""Of Vertex AI, where they do not follow from the location."""
CREDENTIALS = "Google's application default credentials (gcloud auth application-default login)"


@dataclass(kw_only=True)
class GeminiReporter(LanguageModelReporter):
    """Asks a Gemini model.

    Args:
        model: its id; Google retires ids, so it is configuration.
        project: of Google Cloud, for Vertex AI; "" for the Gemini API.
        location: of Vertex AI, such as europe-west4.

    Raises:
        ConfigError: a value is out of its range, only one of project and location is set, or base_url is neither
            https nor on this machine, so that the key would travel in the clear.
    """

    model: str = "gemini-3.8-flash"
    project: str = ""
    location: str = ""

    def __post_init__(self) -> None:
        for key, value in (("project", self.project), ("location", self.location)):
            if bool(self.project) != bool(self.location):
                raise ConfigError("reporter.project, reporter.location: Vertex AI needs both; set or leave out both")
            if value and not value.replace("-", "").replace(":", "").replace(".", "").isalnum():
                raise ConfigError(f"reporter.{key}: expected letters, digits and hyphens, found {value!r}; change it")
        if self.base_url and not self.base_url.startswith("https://") and not is_loopback(self.base_url):
            raise ConfigError("reporter.base_url: expected https, else the key travels in the clear; change it")
        super().__post_init__()
        self.name = "gemini"

    @property
    def endpoint(self) -> Endpoint:
        """Where the case would be sent: Vertex AI may be attested, a bare key is always public."""
        name = f"Vertex project {self.project} in {self.location}" if self.project else "Gemini API"
        if self.base_url:
            name += f" at {urlsplit(self.base_url).netloc}"
        return self._endpoint(name, self.base_url or None, own=False, can_attest=bool(self.project))

    def _url(self) -> str:
        if self.base_url or not self.project:
            return self.base_url or API
        return HOSTS.get(self.location, "https://{}-aiplatform.googleapis.com/").format(self.location)

    def _ask(self, prompt: Prompt) -> str:
        key = "" if self.project else key_of(KEYS)
        key_name = CREDENTIALS if self.project else " or ".join(KEYS)
        with Connection(self._url(), self.timeout_seconds, key_name, (key,)) as connection:
            return _text(self._generated(self._client(connection, key), prompt), key)

    def _generated(self, client: Client, prompt: Prompt) -> GenerateContentResponse:
        from google.auth.exceptions import GoogleAuthError

        try:
            return self._generate(client, prompt)
        except Failed:
            raise
        except GoogleAuthError as error:
            raise Failed(f"has no credentials that work ({told(str(error))})", f"check {CREDENTIALS}") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            found = cause_of(error, Failed) or Unreadable(
                f"answered with something else than a Gemini response ({type(error).__name__})",
                "check reporter.base_url",
            )
            raise found from None

    def _body(self, prompt: Prompt) -> bytes:
        with Holding(trust_env=False) as holding:
            try:
                self._generate(self._client(holding, "preview", anonymous=True), prompt)
            except Held as held:
                return held.body
        raise ConfigError("reporter.dry_run: google-genai made no request to show; install google-genai>=3.4")

    def _generate(self, client: Client, prompt: Prompt) -> GenerateContentResponse:
        from google.genai.types import Content, Part

        parts = [Part.from_text(text=prompt.text)]
        if prompt.image is not None:
            parts.append(Part.from_bytes(data=prompt.image, mime_type="image/png"))
        return client.models.generate_content(
            model=self.model, contents=Content(role="user", parts=parts), config=self._config(prompt)
        )

    def _config(self, prompt: Prompt) -> GenerateContentConfig:
        from google.genai.types import GenerateContentConfig

        return GenerateContentConfig(
            system_instruction=prompt.system,
            temperature=self.temperature,
            max_output_tokens=self.max_tokens,
            response_mime_type="application/json",
            response_schema=_open(prompt.form.schema),
            candidate_count=1,
        )

    def _client(self, connection: httpx2.Client, key: str, anonymous: bool = False) -> Client:
        """Make Google's client, every address said, so that none of its environment variables can change it."""
        from google.genai import Client
        from google.genai.types import HttpOptions
        from google.oauth2.credentials import Credentials

        options = HttpOptions(base_url=self._url(), timeout=int(self.timeout_seconds * 1000), httpx_client=connection)
        if not self.project:
            return Client(vertexai=False, api_key=key, http_options=options)
        credentials = Credentials(token="preview") if anonymous else None
        return Client(
            vertexai=True, project=self.project, location=self.location, credentials=credentials, http_options=options
        )


def _open(schema: Any) -> Any:
    """Leave out additionalProperties, which the Gemini API refuses; the parser refuses extras anyway."""
    if isinstance(schema, dict):
        return {key: _open(child) for key, child in schema.items() if key != "additionalProperties"}
    return [_open(child) for child in schema] if isinstance(schema, list) else schema


def _text(response: GenerateContentResponse, key: str) -> str:
    """Return what the model wrote, its thoughts left out.

    Raises:
        Failed: the request or the answer was blocked, or the answer is cut off.
    """
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise Failed(
            f"blocked the request ({_name(feedback.block_reason)})", "look at the cases with reporter.dry_run=true"
        )
    if not response.candidates:
        raise Unreadable("answered without a candidate", "try again later, or change reporter.model")
    candidate = response.candidates[0]
    reason = _name(candidate.finish_reason)
    if reason == "MAX_TOKENS":
        raise Failed("was cut off at the most tokens (MAX_TOKENS)", "raise reporter.max_tokens")
    if reason not in ("STOP", ""):
        raise Failed(f"stopped before the end ({told(reason, (key,))})", "try another reporter.model", again=0)
    parts = candidate.content.parts if candidate.content and candidate.content.parts else []
    return "".join(part.text or "" for part in parts if not part.thought)


def _name(value: Any) -> str:
    return str(getattr(value, "value", value) or "")
