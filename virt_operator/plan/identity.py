"""Which object is meant, whether it is as it should be, and the marks that the operator leaves on what it manages."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from .names import HASH, IDENTIFIER, MANAGED_LABEL, OPERATOR, REGISTRY, VERSION
from .settings import Settings

Json = dict[str, Any]


class Ref(msgspec.Struct, frozen=True, order=True):
    """`namespace` is "" for what belongs to the whole cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def ref_of(body: Json) -> Ref:
    metadata = body["metadata"]
    return Ref(body["kind"], metadata.get("namespace", ""), metadata["name"])


def digest(value: Any) -> str:
    """The same for equal JSON values, whatever the order of their keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:16]


def deployment_id(settings: Settings) -> str:
    return hashlib.sha1(settings.config_text().encode(), usedforsecurity=False).hexdigest()


def marked(body: Json, settings: Settings) -> Json:
    """`body` with the labels and annotations of a managed object; the hash covers all of it."""
    metadata = body["metadata"]
    annotations = {
        **(metadata.get("annotations") or {}),
        VERSION: settings.images.tag,
        REGISTRY: settings.images.prefix,
        IDENTIFIER: deployment_id(settings),
    }
    labels = {**(metadata.get("labels") or {}), **settings.product_labels, MANAGED_LABEL: OPERATOR}
    whole = {**body, "metadata": {**metadata, "labels": labels, "annotations": annotations}}
    # The identifier alone is no reason to write: it changes with every setting, the object perhaps not.
    del annotations[IDENTIFIER]
    stamp = digest(whole)
    annotations |= {IDENTIFIER: deployment_id(settings), HASH: stamp}
    return whole


def hash_of(body: Json) -> str:
    return str((body["metadata"].get("annotations") or {}).get(HASH, ""))


def contains(actual: Any, desired: Any) -> bool:
    """Whether every field of `desired` is in `actual` with that value; the server may have added others."""
    if actual == desired:
        return True  # the usual case, and much quicker than field by field
    if isinstance(desired, dict):
        return isinstance(actual, dict) and all(
            contains(actual.get(key), value) for key, value in desired.items() if not _empty(value)
        )
    if isinstance(desired, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(desired)
            and all(contains(one, other) for one, other in zip(actual, desired, strict=True))
        )
    return False


def _empty(value: Any) -> bool:
    return value is None or value == {} or value == [] or value == ""
