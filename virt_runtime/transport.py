"""HTTP to the API server: one pooled session, credentials, bounded retries, errors as values of one tree.

Retried here, so that no business code does: 429 and 503 (as long as the server says or a growing wait), refused
connections, and kept-alive connections that the server had closed. A write whose answer was lost may thus be
sent twice; every write of ours is safe for that (named creates, preconditions, level-triggered loops).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp
import msgspec

from .access import Access
from .errors import ApiError, Unreachable, from_status
from .resources import Json

ATTEMPTS = 5
FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)
AT_ONCE = 100
"""Requests and watches; one more waits until another has ended."""


class Attempt(NamedTuple):
    """One attempt and its end. `status` is 0 where no answer came; `seconds` until the answer began, `queued` of them
    until it was this request's turn to be sent."""

    server: str
    method: str
    path: str
    watching: bool
    status: int
    seconds: float
    queued: float = 0.0


#: is told of each attempt
Observer = Callable[[Attempt], None]


class Transport:
    """Own one of these through `KubeClient.connect`."""

    def __init__(self, access: Access, user_agent: str, observe: Observer | None = None) -> None:
        self.access = access
        self._user_agent = user_agent
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self.access.tls or False, limit=AT_ONCE, keepalive_timeout=60)
        turns = aiohttp.TraceConfig()
        turns.on_connection_queued_start.append(_waits)
        turns.on_connection_queued_end.append(_goes_on)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[turns] if self._observe else None,
            headers=[("User-Agent", self._user_agent), ("Accept", "application/json"), *self.access.headers],
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """Decoded JSON of the answer (bytes of an image, else text, where it is not JSON). Raises `ApiError`."""
        data = None if body is None else msgspec.json.encode(body)
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                async with self.send(
                    method, path, query=query, data=data, content_type=content_type, accept=accept
                ) as answer:
                    content = await answer.read()
                    if answer.status < 400:
                        return _decode(answer, content)
                    if last or answer.status not in (429, 503):
                        raise _error(answer, content)
                    wait = _retry_after(answer)
            except (aiohttp.ClientError, TimeoutError) as error:
                if last or not _safe_to_resend(method, error):
                    raise self.unreachable(error) from error
                wait = None
            await asyncio.sleep(wait if wait is not None else _grown(attempt))
        raise AssertionError("the last attempt returns or raises")

    def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        data: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,
    ) -> _Sent:
        """One attempt, as a context manager that yields the raw response."""
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with KubeClient.connect(...)`")
        headers = {"Accept": accept} | ({"Content-Type": content_type} if data is not None else {})
        if token := self.access.token():
            headers["Authorization"] = f"Bearer {token}"
        turn = _Turn()
        call = self._session.request(
            method,
            self.access.server + path,
            params=query,
            data=data,
            headers=headers,
            timeout=timeout,
            server_hostname=self.access.server_name,
            trace_request_ctx=turn,
        )
        started = Attempt(self.access.server, method, path, "watch" in (query or {}), 0, 0.0)
        return _Sent(call, started, turn, self._observe)

    def unreachable(self, error: BaseException) -> Unreachable:
        text = str(error) or type(error).__name__
        return Unreachable(0, "Unreachable", f"Kubernetes API {self.access.server} cannot be reached: {text}")


class _Turn:
    """How long a request has waited until it was sent, in the clock of the event loop."""

    def __init__(self) -> None:
        self.seconds, self._since = 0.0, -1.0

    def waits(self, now: float) -> None:
        self._since = now

    def comes(self, now: float) -> None:
        """Its turn, or the end of its patience."""
        if self._since >= 0:
            self.seconds, self._since = self.seconds + now - self._since, -1.0


async def _waits(_session: object, context: Any, _params: object) -> None:
    context.trace_request_ctx.waits(asyncio.get_running_loop().time())


async def _goes_on(_session: object, context: Any, _params: object) -> None:
    context.trace_request_ctx.comes(asyncio.get_running_loop().time())


class _Sent:
    """Times one attempt and reports it to the observer, whatever its end."""

    def __init__(self, call: Any, started: Attempt, turn: _Turn, observe: Observer | None) -> None:
        self._call, self._started, self._turn, self._observe = call, started, turn, observe
        self._began = asyncio.get_running_loop().time()

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            answer: aiohttp.ClientResponse = await self._call.__aenter__()
        except (aiohttp.ClientError, TimeoutError):
            self._report(0)
            raise
        self._report(answer.status)
        return answer

    async def __aexit__(self, *exc: Any) -> None:
        await self._call.__aexit__(*exc)

    def _report(self, status: int) -> None:
        if self._observe:
            now = asyncio.get_running_loop().time()
            self._turn.comes(now)
            self._observe(self._started._replace(status=status, seconds=now - self._began, queued=self._turn.seconds))


def _decode(answer: aiohttp.ClientResponse, content: bytes) -> Any:
    if answer.content_type == "application/json":
        return msgspec.json.decode(content) if content else {}
    if answer.content_type.startswith("image/"):
        return content
    return content.decode(errors="replace")


def _error(answer: aiohttp.ClientResponse, content: bytes) -> ApiError:
    body: Json = {}
    if answer.content_type == "application/json":
        try:
            decoded = msgspec.json.decode(content)
            body = decoded if isinstance(decoded, dict) else {}
        except msgspec.DecodeError:
            body = {}
    return from_status(answer.status, body, content.decode(errors="replace").strip())


def _safe_to_resend(method: str, error: Exception) -> bool:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return False
    never_processed = (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
    return method == "GET" or isinstance(error, never_processed)


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    said = answer.headers.get("Retry-After", "")
    return min(float(said), LONGEST_WAIT) if said.isdigit() else None


def _grown(attempt: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0**attempt) * random.uniform(0.7, 1.3)
