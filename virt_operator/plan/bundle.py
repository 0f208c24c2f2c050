"""The ConfigMap in which everyone finds whom to trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .certificates import Authority
from .names import CA_CONFIGMAP, MANAGED_LABEL, OPERATOR

Json = dict[str, Any]
KEY = "ca-bundle"


def bundle_text(trusted: Sequence[Authority]) -> str:
    return "".join(each.pem for each in trusted)


def bundle_object(namespace: str, trusted: Sequence[Authority]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CA_CONFIGMAP, "namespace": namespace, "labels": {MANAGED_LABEL: OPERATOR}},
        "data": {KEY: bundle_text(trusted)},
    }
