"""Who is calling an aggregated API: identity headers count only behind a verified and allowed client certificate.

kube-apiserver publishes what to trust in ConfigMap `kube-system/extension-apiserver-authentication`. The listener
verifies client certificates against `client_ca`; here the certificate's common name is checked, then headers are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

CONFIGMAP_NAMESPACE = "kube-system"
CONFIGMAP_NAME = "extension-apiserver-authentication"


class Headers(Protocol):
    """A case-insensitive multi-dict such as aiohttp's `request.headers`."""

    def getall(self, key: str, default: list[str], /) -> list[str]: ...

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, kw_only=True)
class Identity:
    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FrontProxy:
    """`allowed_names` empty means that every name signed by `client_ca` (PEM) may speak for users."""

    client_ca: bytes
    allowed_names: tuple[str, ...] = ()
    user_headers: tuple[str, ...] = ("X-Remote-User",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)

    @classmethod
    def from_configmap(cls, raw: Mapping[str, Any]) -> FrontProxy:
        """`raw` is the ConfigMap; its lists are JSON arrays in strings."""
        data = raw.get("data") or {}

        def names(key: str, default: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(json.loads(data[key])) if data.get(key) else default

        return cls(
            client_ca=data.get("requestheader-client-ca-file", "").encode(),
            allowed_names=names("requestheader-allowed-names", ()),
            user_headers=names("requestheader-username-headers", cls.user_headers),
            uid_headers=names("requestheader-uid-headers", cls.uid_headers),
            group_headers=names("requestheader-group-headers", cls.group_headers),
            extra_prefixes=names("requestheader-extra-headers-prefix", cls.extra_prefixes),
        )

    def identify(self, peer_certificate: Mapping[str, Any] | None, headers: Headers) -> Identity | None:
        """The caller, or None when nobody trustworthy vouches. `peer_certificate` is `getpeercert()`'s dict, which
        Python fills only for a certificate that verified."""
        if not self.client_ca or not peer_certificate or not self._allowed(peer_certificate):
            return None
        user = next((value for name in self.user_headers for value in headers.getall(name, [])), "")
        if not user:
            return None
        uid = next((value for name in self.uid_headers for value in headers.getall(name, [])), "")
        groups = tuple(value for name in self.group_headers for value in headers.getall(name, []))
        return Identity(user=user, uid=uid, groups=groups, extra=self._extra(headers))

    def _allowed(self, certificate: Mapping[str, Any]) -> bool:
        return not self.allowed_names or any(name in self.allowed_names for name in common_names(certificate))

    def _extra(self, headers: Headers) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, value in headers.items():
            for prefix in self.extra_prefixes:
                if name.lower().startswith(prefix.lower()):
                    key = unquote(name[len(prefix) :].lower())
                    found[key] = (*found.get(key, ()), value)
        return found


def common_names(certificate: Mapping[str, Any]) -> list[str]:
    """Common names in the subject of a `getpeercert()` dict."""
    return [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
