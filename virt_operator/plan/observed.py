"""What the operator knows when it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from virt_model.monitoring.alerts import RUNBOOKS

from .certificates import Held
from .identity import Ref
from .monitoring import Monitoring
from .settings import DEFAULT_NAMESPACE, Images

Json = dict[str, Any]


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """About the operator itself."""

    namespace: str = DEFAULT_NAMESPACE
    images: Images = Images()
    architecture: str = "amd64"
    runbooks: str = RUNBOOKS
    """Where alerts lead: a URL with `%s` for the name of the alert."""

    @property
    def version(self) -> str:
        return self.images.tag


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """`managed` are the objects that carry our label.

    `workloads`: VMs and VMIs, read only while the installation is being removed, else None.
    `requests`: virt-handler's certificate requests, read likewise.
    `failure`: what the API server answered to the last attempt, when it refused an object.
    `prometheus`: what there is to watch us with.
    `settled`: objects that an apply of the present hash did not make equal (the server normalises a field).
    """

    own: Own
    kubevirts: tuple[Json, ...] = ()
    managed: Mapping[Ref, Json] = {}
    held: Held = Held()
    workloads: tuple[Json, ...] | None = None
    requests: tuple[Json, ...] = ()
    failure: str = ""
    settled: frozenset[tuple[Ref, str]] = frozenset()
    prometheus: Monitoring = Monitoring()
