"""Probes: how we ask whether a guest lives and whether it is ready to serve."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.int_or_string import IntOrString
from api.marks import ATOMIC_LIST, Int32, admission_enum
from api.view import View


class ExecAction(View, frozen=True, kw_only=True):
    """A command run in the guest by its agent."""

    command: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Program and arguments; exit code 0 is success."""


class GuestAgentPing(View, frozen=True, kw_only=True):
    """Asks whether the guest agent answers."""


class HTTPHeader(View, frozen=True, kw_only=True):
    """A request header."""

    name: str
    """Name of the header."""
    value: str
    """Value of the header."""


class HTTPGetAction(View, frozen=True, kw_only=True):
    """A GET request to the guest; 200 to 399 is success."""

    port: IntOrString
    """Port by number or name."""
    path: str = ""
    """Path to ask for."""
    host: str = ""
    """Host to ask; absent means the guest's address."""
    scheme: Annotated[str, admission_enum("HTTP", "HTTPS")] = ""
    """HTTP or HTTPS; absent means HTTP."""
    http_headers: Annotated[tuple[HTTPHeader, ...], ATOMIC_LIST] = field(name="httpHeaders", default=())
    """Headers to send."""


class TCPSocketAction(View, frozen=True, kw_only=True):
    """A connection to the guest; accepted is success."""

    port: IntOrString
    """Port to connect to, a number or a name."""
    host: str = ""
    """Host to connect to; absent means the guest's address."""


class Probe(View, frozen=True, kw_only=True):
    """A question asked again and again; exactly one kind of it."""

    exec: ExecAction | None = None
    """Runs a command."""
    guest_agent_ping: GuestAgentPing | None = None
    """Pings the agent."""
    http_get: HTTPGetAction | None = field(name="httpGet", default=None)
    """Makes a GET request."""
    tcp_socket: TCPSocketAction | None = None
    """Opens a connection."""
    initial_delay_seconds: Int32 = 0
    """Seconds after start before the first question."""
    timeout_seconds: Int32 = 0
    """Seconds to wait for an answer; 0 means 1."""
    period_seconds: Int32 = 0
    """Seconds between questions; 0 means 10."""
    success_threshold: Int32 = 0
    """Successes in a row that turn failure into success; 0 means 1."""
    failure_threshold: Int32 = 0
    """Failures in a row that turn success into failure; 0 means 3."""
