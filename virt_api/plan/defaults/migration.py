"""A migration as it is stored: findable by its VMI, and held until its end has been recorded."""

from __future__ import annotations

from copy import deepcopy

from virt_api.plan.defaults.compute import within
from virt_api.plan.reading import Raw, text
from virt_model import labels


def created_migration(raw: Raw) -> Raw:
    migration = deepcopy(raw)
    metadata = within(migration, "metadata")
    within(metadata, "labels")[labels.MIGRATION_VMI_NAME] = text(migration, "spec", "vmiName")
    known = metadata.get("finalizers")
    finalizers = known if isinstance(known, list) else []
    if labels.MIGRATION_FINALIZER not in finalizers:
        metadata["finalizers"] = [*finalizers, labels.MIGRATION_FINALIZER]
    return migration
