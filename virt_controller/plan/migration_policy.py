"""Which MigrationPolicy holds for a guest, and how its migrations are then made. Pure.

A policy holds where the namespace and the VMI bear every label that it selects by; one without `selectors` holds for
nobody. Of several the closest wins: more labels in all, then more labels of the VMI, then the first name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from virt_model.migration_settings import MigrationSettings
from virt_model.seen import Seen

Json = dict[str, Any]
OVERRIDES: Final = (
    "allowAutoConverge",
    "allowPostCopy",
    "allowWorkloadDisruption",
    "bandwidthPerMigration",
    "completionTimeoutPerGiB",
    "maxDowntimeMs",
)


class Policy(Seen, frozen=True):
    """A MigrationPolicy."""

    def closeness(self, namespace_labels: Mapping[str, str], vmi_labels: Mapping[str, str]) -> tuple[int, int] | None:
        """How many labels it selects by: in all, and of the VMI; None where it does not hold."""
        selectors = self.spec.get("selectors")
        if selectors is None:
            return None
        of_namespace: Json = selectors.get("namespaceSelector") or {}
        of_vmi: Json = selectors.get("virtualMachineInstanceSelector") or {}
        if of_namespace.items() <= namespace_labels.items() and of_vmi.items() <= vmi_labels.items():
            return len(of_namespace) + len(of_vmi), len(of_vmi)
        return None


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How one guest is moved."""

    settings: MigrationSettings
    policy: str = ""
    """Name of the MigrationPolicy that holds for it, if one does."""


def manner_of(
    cluster: MigrationSettings,
    policies: Iterable[Policy],
    namespace_labels: Mapping[str, str],
    vmi_labels: Mapping[str, str],
) -> Manner:
    """What the KubeVirt object says, with what the guest's policy says otherwise."""
    close = [
        ((-found[0], -found[1], policy.name), policy)
        for policy in policies
        if (found := policy.closeness(namespace_labels, vmi_labels)) is not None
    ]
    if not close:
        return Manner(settings=cluster)
    _, closest = min(close)
    said = {field: value for field in OVERRIDES if (value := closest.spec.get(field)) is not None}
    if "allowPostCopy" in said:
        said = {"allowWorkloadDisruption": said["allowPostCopy"], **said}
    return Manner(settings=MigrationSettings(said={**cluster.said, **said}), policy=closest.name)
