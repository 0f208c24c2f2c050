"""A migration: its VMI must be there, alive and movable, and not already on its way."""

from __future__ import annotations

import msgspec

from virt_api.plan.causes import INVALID, NOT_SUPPORTED, REQUIRED, Cause, Refusal, refuse
from virt_api.plan.reading import Raw, find, rows, table, text
from virt_model import conditions, labels
from virt_model.phases import Phase

_ENDED = ("Succeeded", "Failed")


class MigrationNews(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked up for a new migration: its VMI (None: there is none) and that VMI's other migrations."""

    vmi: Raw | None
    others: tuple[Raw, ...]


def refused_creation(migration: Raw, news: MigrationNews) -> Refusal | None:
    """Why a migration must not be made, if so."""
    name = text(migration, "spec", "vmiName")
    if not name:
        return refuse([Cause(reason=REQUIRED, message="vmiName is missing", field="spec.vmiName")])
    if news.vmi is None:
        namespace = text(migration, "metadata", "namespace")
        return Refusal(message=f'the VMI "{namespace}/{name}" does not exist')
    if text(news.vmi, "status", "phase") in (Phase.SUCCEEDED, Phase.FAILED):
        return refuse([Cause(reason=INVALID, message="Cannot migrate VMI in finalized state.", field="spec.vmiName")])
    return _immovable(news.vmi) or _under_way(name, news.others)


def _immovable(vmi: Raw) -> Refusal | None:
    found = conditions.find(rows(vmi, "status", "conditions"), conditions.Type.LIVE_MIGRATABLE)
    if found is None or found.get("status") != conditions.FALSE:
        return None
    reason, message = text(found, "reason"), text(found, "message")
    return Refusal(message=f"Cannot migrate VMI, Reason: {reason}, Message: {message}")


def _under_way(name: str, others: tuple[Raw, ...]) -> Refusal | None:
    for other in others:
        if text(other, "spec", "vmiName") == name and text(other, "status", "phase") not in _ENDED:
            uid = text(other, "metadata", "uid")
            message = (
                f"in-flight migration detected. Active migration job ({uid})"
                f" is currently already in progress for VMI {name}."
            )
            return Refusal(message=message)
    return None


def refused_update(old: Raw, new: Raw) -> Refusal | None:
    """A migration's spec never changes, and while it runs it stays findable by its VMI."""
    if find(old, "spec") != find(new, "spec"):
        return refuse([Cause(reason=NOT_SUPPORTED, message="update of Migration object's spec is restricted")])
    label = labels.MIGRATION_VMI_NAME
    before, after = (table(each, "metadata", "labels").get(label) for each in (old, new))
    if before is not None and before != after and text(new, "status", "phase") not in _ENDED:
        return refuse([Cause(reason=NOT_SUPPORTED, message="selector label can't be modified on an active migration")])
    return None
