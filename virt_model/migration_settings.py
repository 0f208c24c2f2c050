"""How live migrations are made, as the KubeVirt object's `configuration.migrations` says, with its defaults. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

Json = dict[str, Any]
DEFAULTS: Final[Json] = {
    "nodeDrainTaintKey": "kubevirt.io/drain",
    "parallelOutboundMigrationsPerNode": 2,
    "parallelMigrationsPerCluster": 5,
    "allowAutoConverge": False,
    "bandwidthPerMigration": "0",
    "completionTimeoutPerGiB": 150,
    "progressTimeout": 150,
    "unsafeMigrationOverride": False,
    "allowPostCopy": False,
    "utilityVolumesTimeout": 150,
    "maxDowntimeMs": 900,
}
NOT_FOR_A_VMI: Final = ("experimental",)


class MigrationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`said` is what the KubeVirt object holds."""

    said: Json = {}

    @property
    def parallel_per_cluster(self) -> int:
        return self._count("parallelMigrationsPerCluster")

    @property
    def parallel_outbound_per_node(self) -> int:
        return self._count("parallelOutboundMigrationsPerNode")

    @property
    def drain_taint(self) -> str:
        """The key of the taint that says of a node that its guests shall leave it."""
        return str(self.said.get("nodeDrainTaintKey") or DEFAULTS["nodeDrainTaintKey"])

    def as_status(self) -> Json:
        """The whole, as a VMI's `migrationState.migrationConfiguration` shows it."""
        whole = DEFAULTS | {key: value for key, value in self.said.items() if key not in NOT_FOR_A_VMI}
        return {"allowWorkloadDisruption": whole["allowPostCopy"], **whole}

    def _count(self, field: str) -> int:
        value = self.said.get(field)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else int(DEFAULTS[field])


def settings_of(raw: Mapping[str, Any]) -> MigrationSettings:
    """Of `configuration.migrations`; nulls count as absent."""
    return MigrationSettings(said={key: value for key, value in raw.items() if value is not None})
