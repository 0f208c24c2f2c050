"""All objects of an installation, from settings and authority alone."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from api import crd

from . import monitoring, node_policy, rbac_components, rbac_users, services, webhooks, workloads
from .handler import daemonset
from .identity import Ref, marked, ref_of
from .monitoring import Monitoring
from .patches import patched
from .settings import Settings

Json = dict[str, Any]

NONE: Final = Monitoring()
#: kinds whose CRDs are installed with the rest; the one of KubeVirt was there before us
INSTALLED_KINDS: Final = tuple(kind for kind in crd.KINDS if kind != "KubeVirt")

#: written in this order: a binding needs its role, a pod its account; what is not named comes last, all at once
STAGES: Final = (
    frozenset({"ServiceAccount", "Secret", "ConfigMap", "Role", "ClusterRole"}),
    frozenset({"RoleBinding", "ClusterRoleBinding"}),
)


def stage_of(kind: str) -> int:
    return next((index for index, kinds in enumerate(STAGES) if kind in kinds), len(STAGES))


def objects(settings: Settings, ca_bundle: bytes, prometheus: Monitoring = NONE) -> dict[Ref, Json]:
    """By reference, marked as managed. `ca_bundle` is PEM. Kept for the next call, so never change what it gives."""
    return _objects(settings.config_text(), ca_bundle, prometheus)


@lru_cache(maxsize=1)
def _objects(config_text: str, ca_bundle: bytes, prometheus: Monitoring) -> dict[Ref, Json]:
    settings = msgspec.json.decode(config_text, type=Settings)
    namespace = settings.namespace
    bodies = [
        *rbac_components.objects(namespace),
        *rbac_users.objects(aggregate=settings.aggregate_roles),
        *services.objects(namespace),
        *workloads.objects(settings),
        daemonset(settings),
        *services.api_services(namespace, ca_bundle),
        *webhooks.objects(namespace, ca_bundle),
        *node_policy.objects(namespace),
        *monitoring.objects(namespace, prometheus),
    ]
    whole = [marked(patched(body, settings.patches), settings) for body in bodies]
    return {ref_of(body): body for body in (*whole, *_crds(config_text))}


@lru_cache(maxsize=1)
def _crds(config_text: str) -> tuple[Json, ...]:
    """Apart from the rest, which changes with the authority: these are by far the largest."""
    settings = msgspec.json.decode(config_text, type=Settings)
    return tuple(marked(patched(body, settings.patches), settings) for body in _rendered_crds())


@cache
def _rendered_crds() -> tuple[Json, ...]:
    """As they are under any setting: to render them takes long enough to be noticed by who waits for a webhook."""
    return tuple(map(crd.render, INSTALLED_KINDS))
