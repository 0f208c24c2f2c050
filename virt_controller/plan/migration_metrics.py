"""What is measured of migrations, from their objects and from what VMIs say of their last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from virt_controller.plan.migration_world import Migration, Step
from virt_model.monitoring.migration_rows import COUNTED
from virt_model.monitoring.row import Sample
from virt_model.seen import Vmi, seconds

_COUNTED_AS: Final = {
    Step.NEW: "unset",
    Step.PENDING: "pending",
    Step.SCHEDULING: "scheduling",
    **dict.fromkeys((Step.SCHEDULED, Step.PREPARING, Step.READY, Step.RUNNING), "running"),
}


def samples(migrations: Iterable[Migration], vmis: Iterable[Vmi]) -> Iterator[Sample]:
    """Of all migrations of the cluster, and all VMIs."""
    known = list(migrations)
    counts = Counter(_COUNTED_AS[each.step] for each in known if not each.step.final)
    for phase in COUNTED:
        yield Sample(f"kubevirt_vmi_migrations_in_{phase}_phase", (), counts[phase])
    for each in known:
        if each.step.final:
            how = "succeeded" if each.step is Step.SUCCEEDED else "failed"
            yield Sample(f"kubevirt_vmi_migration_{how}", (each.vmi_name, each.name, each.namespace), 1)
    names = {each.uid: each.name for each in known}
    for vmi in vmis:
        yield from _times(vmi, names)


def _times(vmi: Vmi, names: dict[str, str]) -> Iterator[Sample]:
    """When the last migration of a VMI began and ended; `names` are those of migrations, by UID."""
    state = vmi.status.get("migrationState") or {}
    who = (vmi.node, vmi.namespace, vmi.name, names.get(str(state.get("migrationUid") or ""), ""))
    if (began := seconds(state.get("startTimestamp"))) is not None:
        yield Sample("kubevirt_vmi_migration_start_time_seconds", who, began)
    if (ended := seconds(state.get("endTimestamp"))) is not None and state.get("completed"):
        how = "failed" if state.get("failed") else "succeeded"
        yield Sample("kubevirt_vmi_migration_end_time_seconds", (*who, how), ended)


def transition(old: Migration, new: Migration) -> Sample | None:
    """The seconds from a migration's creation until the phase that it has just entered."""
    if old.step is new.step or new.created_at is None:
        return None
    stamps = new.status.get("phaseTransitionTimestamps") or ()
    entered = [seconds(each.get("phaseTransitionTimestamp")) for each in stamps if each.get("phase") == new.step]
    at = entered[-1] if entered else None
    if at is None:
        return None
    row = "kubevirt_vmi_migration_phase_transition_time_from_creation_seconds"
    return Sample(row, (new.step.value,), max(0.0, at - new.created_at))
