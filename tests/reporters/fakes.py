"""Stand-ins on loopback for the Gemini REST endpoint and for an OpenAI-compatible server, and the case they get."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from medxpert.ontology import OBSERVATIONS
from medxpert.reporting import Case, Verdict
from medxpert.words import Hit

KEY = "AIza-canary-0123456789abcdef"
MODEL = "some-model"


def case(**changes: Any) -> Case:
    hits = tuple(
        Hit(rank, 0.9 - rank / 10, f"case-{rank}", "", f"Report number {rank}. No pneumothorax.", {}, rank)
        for rank in (1, 2, 3)
    )
    verdicts = tuple(
        Verdict(name, "present", 0.91, "left", "mild", {"zero-shot": 0.8, "cases": 0.9}, ("case-1", "case-3"))
        if name == "Pleural Effusion"
        else Verdict(name, "absent", 0.02)
        if name == "Pneumothorax"
        else Verdict(name)
        for name in OBSERVATIONS
    )
    return Case(**({"verdicts": verdicts, "hits": hits, "technique": "One frontal radiograph."} | changes))


ANSWER: dict[str, Any] = {
    "findings": [
        {
            "observation": "Pleural Effusion",
            "status": "present",
            "laterality": "left",
            "severity": "mild",
            "sentence": "There is a small left pleural effusion.",
            "evidence": ["case-1", "zero-shot"],
        },
        {
            "observation": "Pneumothorax",
            "status": "absent",
            "laterality": None,
            "severity": None,
            "sentence": "There is no pneumothorax.",
            "evidence": [],
        },
    ],
    "impression": ["Small left pleural effusion."],
    "diagnoses": [
        {
            "name": "Pleural effusion",
            "icd10": [
                {
                    "code": "J90",
                    "description": "Pleural effusion, not elsewhere classified",
                    "billable": True,
                }
            ],
        }
    ],
}


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    Attributes:
        kind: "plain" answers; "hang" never does; "drop" closes; "half" closes inside the answer; "drip" sends a byte
            now and then for ever, "drip_headers" already in the headers; "flood" sends without end.
    """

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["plain", "hang", "drop", "half", "drip", "drip_headers", "flood"] = "plain"

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class Fake:
    """A server that gives prepared replies, the last one again and again; it stops with its `with` block."""

    path = ""
    base = ""

    def __init__(self, *replies: Reply, key: str = "") -> None:
        self.replies, self.key = list(replies), key
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.base}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def reply(self, request: Request) -> Reply:
        if request.path != self.path:
            return Reply({"error": {"message": f"no route {request.path}"}}, 404)
        if self.key and not self.admits(request):
            return self.denied(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def admits(self, request: Request) -> bool:
        raise NotImplementedError

    def denied(self, request: Request) -> Reply:
        raise NotImplementedError


class GeminiFake(Fake):
    """models/{MODEL}:generateContent of the Gemini API, with or without a key to insist on."""

    path = f"/v1/models/{MODEL}:generateContent"

    @staticmethod
    def saying(text: str, finish: str = "STOP") -> Reply:
        part = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, "index": 0}
        return Reply({"candidates": [part], "modelVersion": MODEL})

    def admits(self, request: Request) -> bool:
        return request.headers.get("x-goog-api-key") == self.key

    def denied(self, request: Request) -> Reply:
        message = f"API key not valid: {request.headers.get('x-goog-api-key')}. Please pass a valid API key."
        details = [{"reason": "API_KEY_INVALID"}]
        return Reply({"error": {"code": 400, "message": message, "details": details}}, 400)


class OpenAIFake(Fake):
    """/v1/chat/completions, with or without a key to insist on."""

    base = "/v1"
    path = "/v1/chat/completions"

    @staticmethod
    def saying(text: str, finish: str = "stop") -> Reply:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return Reply({"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]})

    def admits(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.key}"

    def denied(self, request: Request) -> Reply:
        said = f"Incorrect API key provided: {request.headers.get('authorization')}"
        return Reply({"error": {"message": said, "code": "invalid_api_key"}}, 401)


def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, json.loads(body or b"{}"))
            fake.requests.append(request)
            self.close_connection = True
            with suppress(OSError):
                _send(self, fake, fake.reply(request))

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _send(handler: BaseHTTPRequestHandler, fake: Fake, reply: Reply) -> None:
    if reply.kind == "hang":
        fake.stopping.wait(30)
    elif reply.kind == "drip_headers":
        _drip(handler, fake, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")
    elif reply.kind != "drop":
        content = reply.content()
        handler.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | dict(reply.headers)).items():
            handler.send_header(name, value)
        endless = reply.kind in ("drip", "flood")
        handler.send_header("Content-Length", str(10**8 if endless else len(content)))
        handler.end_headers()
        if reply.kind == "drip":
            _drip(handler, fake, b"{", b" ")
        elif reply.kind == "flood":
            _flood(handler, fake)
        else:
            handler.wfile.write(content[: len(content) // 2] if reply.kind == "half" else content)


def _drip(handler: BaseHTTPRequestHandler, fake: Fake, first: bytes, then: bytes) -> None:
    handler.wfile.write(first)
    while not fake.stopping.is_set():
        handler.wfile.write(then)
        time.sleep(0.02)


def _flood(handler: BaseHTTPRequestHandler, fake: Fake) -> None:
    block = b" " * 100_000
    for _ in range(500):
        if fake.stopping.is_set():
            break
        handler.wfile.write(block)
