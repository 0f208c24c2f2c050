"""The words that kubectl takes for a kind of object, and where the API serves it: what the server itself tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import rest

if TYPE_CHECKING:
    from .cluster import Cluster

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_KNOWN: dict[str, dict[str, Kind]] = {}
"""By the cluster's name and the word."""


@dataclass(frozen=True)
class Kind:
    """`version` as objects carry it: `v1`, `kubevirt.io/v1`."""

    name: str
    plural: str
    version: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Of one object, or of the list; without a namespace, of all of them."""
        root = f"/apis/{self.version}" if "/" in self.version else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


def resolve(cluster: Cluster, word: str) -> Kind:
    """Raises LookupError where the API serves nothing by that name."""
    if word not in _KNOWN.get(cluster.name, {}):
        _KNOWN[cluster.name] = _discover(cluster)
    return _KNOWN[cluster.name][word]


def _discover(cluster: Cluster) -> dict[str, Kind]:
    """Of a name that several groups have, the first one's kind, as kubectl takes it."""
    found: dict[str, Kind] = {}
    for group, version, each in _served(cluster):
        kind = Kind(
            each["responseKind"]["kind"], each["resource"], f"{group}/{version}" if group else version,
            each["scope"] == "Namespaced",
        )  # fmt: skip
        for word in (each["resource"], each["singularResource"], *each.get("shortNames", ())):
            found.setdefault(word, kind)
            found.setdefault(f"{word}.{group}", kind)
    return found


def _served(cluster: Cluster) -> Iterator[tuple[str, str, Any]]:
    """Group, version and description of what can be got, in the order that the server prefers."""
    for root in ("/api", "/apis"):
        answer = rest.call(cluster, "GET", root, accept=_AGGREGATED)
        if answer.status != 200:
            raise RuntimeError(f"GET {root}: {answer.status} {answer.body.decode(errors='replace')}")
        for group in answer.json()["items"]:
            for version in group["versions"]:
                for each in version.get("resources", ()):
                    if "get" in (each.get("verbs") or ()):
                        yield group["metadata"].get("name", ""), version["version"], each
