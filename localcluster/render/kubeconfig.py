"""kubeconfig documents of the components and of the administrator."""

from __future__ import annotations

import base64
from typing import Any


def for_component(name: str, server: str, pki: str) -> dict[str, Any]:
    """By file: the component runs in a node, where `pki` is a directory."""
    return _document(
        name,
        {"server": server, "certificate-authority": f"{pki}/ca.crt"},
        {"client-certificate": f"{pki}/{name}.crt", "client-key": f"{pki}/{name}.key"},
    )


def for_people(context: str, server: str, ca: bytes, certificate: bytes, key: bytes) -> dict[str, Any]:
    """Self-contained, so that it can be copied."""
    return _document(
        context,
        {"server": server, "certificate-authority-data": _text(ca)},
        {"client-certificate-data": _text(certificate), "client-key-data": _text(key)},
    )


def _document(name: str, cluster: dict[str, str], user: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
