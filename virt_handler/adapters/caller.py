"""Who calls this agent's REST: what the verified client certificate says."""

from __future__ import annotations

from typing import Any

from aiohttp import web


def common_name(request: web.Request) -> str:
    """Common name of the client, "" when there is none."""
    for part in _certificate(request).get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return ""


def dns_names(request: web.Request) -> list[str]:
    return names_in(_certificate(request))


def names_in(certificate: dict[str, Any]) -> list[str]:
    """The DNS names of a peer's certificate, as Python's ssl gives it."""
    return [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]


def _certificate(request: web.Request) -> dict[str, Any]:
    transport = request.transport
    return (transport.get_extra_info("peercert") if transport else None) or {}
