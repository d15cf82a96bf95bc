"""A client that never waits, reads or follows further than it was told to; both remote services are reached by it.

It takes the place of the one that the services' own libraries would make, and names every fault of the transport.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from medxpert.endpoints import is_loopback
from medxpert.reporters.refusals import refusal
from medxpert.reporters.retries import Failed, Unreadable, told

MOST_BYTES = 2_000_000
"""Of one answer; a report has a few thousand."""
ALWAYS = float("inf")
"""As often as the attempts allow."""


class Connection(httpx2.Client):
    """Sends requests one by one, each over its own connection.

    - An answer must be complete within the time, however slowly it drips, and hold at most MOST_BYTES.
    - Redirects are faults: a server on this machine could pass patient data on to another.
    - Proxies of the environment are used for other machines, never for this one.

    Args:
        url: of the service; tells whether it is on this machine.
        timeout_seconds: for one whole try.
        key_name: the environment variable of the key, for messages.
        secrets: keys that no message may hold.
    """

    def __init__(self, url: str, timeout_seconds: float, key_name: str, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(
            trust_env=not is_loopback(url),
            follow_redirects=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers={"Accept-Encoding": "identity"},
        )
        self._seconds = timeout_seconds
        self._key_name = key_name
        self._secrets = secrets

    def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send a request and read its answer, a JSON object.

        Raises:
            Failed: no such answer came.
        """
        watch = _Watch(self._seconds)
        request.extensions = {
            **request.extensions,
            "timeout": httpx2.Timeout(self._seconds).as_dict(),
            "trace": watch.trace,
        }
        with self._faults(watch), watch:
            response = super().send(request, stream=True, follow_redirects=False)
            try:
                content = b"".join(_bounded(response))
            finally:
                response.close()
        if watch.expired:
            raise self._late()
        self._check(response, content)
        return httpx2.Response(response.status_code, headers=response.headers, content=content, request=request)

    def _check(self, response: httpx2.Response, content: bytes) -> None:
        if not 200 <= response.status_code < 300:
            raise refusal(response.status_code, response.headers, content, self._key_name, self._secrets)
        if not isinstance(_json(content), Mapping):
            html = content.lstrip()[:1] == b"<"
            found = "HTML, perhaps a proxy's page," if html else "something else"
            raise Unreadable(
                f"answered with {found} instead of a JSON object", "check reporter.base_url and the network"
            )

    @contextmanager
    def _faults(self, watch: _Watch) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException:
            raise self._late() from None
        except httpx2.ConnectError as error:
            trusted = "certificate" not in str(error).lower()
            raise Failed(
                f"cannot be reached ({told(str(error), self._secrets)})",
                "check the network and reporter.base_url",
                again=ALWAYS if trusted else 0,
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            if watch.expired:
                raise self._late() from None
            again = ALWAYS if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | OSError) else 0
            raise Failed(
                f"broke the connection ({type(error).__name__})", "try again, or check the network", again
            ) from None

    def _late(self) -> Failed:
        return Failed(
            f"did not answer within {self._seconds:g} s",
            "try again, or raise reporter.timeout_seconds",
            ALWAYS,
            status=408,
        )


class _Watch:
    """Cuts a connection when its time is up; the library's own limits start anew with every byte that comes."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, _: str, info: Mapping[str, Any]) -> None:
        """Note the socket of each connection that the library reports to have opened."""
        stream: Any = info.get("return_value")
        if hasattr(stream, "get_extra_info"):
            self._socket = stream.get_extra_info("socket")
            if self.expired:
                self._cut()

    def _cut(self) -> None:
        self.expired = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _bounded(response: httpx2.Response) -> Iterator[bytes]:
    """Yield an answer's bytes up to the bound; a compressed one is refused, since nobody knows its size."""
    if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise Unreadable("answered with compressed data, which was not asked for", "check reporter.base_url")
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > MOST_BYTES:
            raise Failed(
                f"answered with more than {MOST_BYTES // 1_000_000} MB", "check reporter.base_url and reporter.model"
            )
        yield chunk


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
