"""What a VMI may be created with, and what may be changed once it is there.

A VMI is a running machine: nobody but our own components changes its spec, and its bookkeeping labels are theirs
alone. The agent of a node may only touch the VMIs of that node.
"""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.causes import NOT_SUPPORTED, Cause
from virt_api.plan.reading import Raw, find, table, text
from virt_api.plan.rule import Subject, causes_of
from virt_api.plan.rules.order import SPEC, VMI_CREATE
from virt_api.plan.unsupported import unsupported_vmi
from virt_api.plan.users import User
from virt_model import labels
from virt_model.config import ClusterConfig

RESERVED_LABELS = (
    labels.CREATED_BY,
    labels.MIGRATION_JOB_UID,
    labels.NODE_NAME,
    labels.MIGRATION_TARGET_NODE_NAME,
    labels.SCHEDULABLE,
    labels.INSTALL_STRATEGY,
)
_CREATE_RESERVED = "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
_CHANGE_RESERVED = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
_RESTRICTED = "update of VMI object is restricted"
_FIXED_SIZES = (("cpu", "maxSockets"), ("memory", "maxGuest"))
_OTHER_NODE = "Node restriction, virt-handler is only allowed to modify VMIs it owns"


def created_causes(vmi: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """Everything that is wrong with a new VMI; what is not supported yet is told once the rest is right."""
    subject = Subject(spec=table(vmi, "spec"), at="spec", config=config)
    causes = [*causes_of(SPEC, subject), *causes_of(VMI_CREATE, subject), *_reserved_at_birth(vmi, user)]
    return causes or [*unsupported_vmi(vmi)]


def updated_causes(old: Raw, new: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """What is wrong with a change of a VMI."""
    return [*_spec_changes(old, new, user), *_label_changes(old, new, user), *_foreign_node(old, user, config)]


def _reserved_at_birth(vmi: Raw, user: User) -> Iterator[Cause]:
    named = table(vmi, "metadata", "labels")
    if not user.ours and any(label in named for label in RESERVED_LABELS):
        yield Cause(reason=NOT_SUPPORTED, message=_CREATE_RESERVED, field="metadata.labels")


def _spec_changes(old: Raw, new: Raw, user: User) -> Iterator[Cause]:
    before, after = table(old, "spec"), table(new, "spec")
    if before == after:
        return
    if not user.ours:
        yield Cause(reason=NOT_SUPPORTED, message=_RESTRICTED)
        return
    for size in _FIXED_SIZES:
        if find(before, "domain", *size) not in (None, find(after, "domain", *size)):
            field = ".".join(("spec", "domain", *size))
            yield Cause(reason=NOT_SUPPORTED, message=f"{_RESTRICTED}: {field} is fixed", field=field)


def _label_changes(old: Raw, new: Raw, user: User) -> Iterator[Cause]:
    before, after = table(old, "metadata", "labels"), table(new, "metadata", "labels")
    if not user.ours and any(before.get(label) != after.get(label) for label in RESERVED_LABELS):
        yield Cause(reason=NOT_SUPPORTED, message=_CHANGE_RESERVED)


def _foreign_node(old: Raw, user: User, config: ClusterConfig) -> Iterator[Cause]:
    if not user.agent_of_node or not config.gate("NodeRestriction"):
        return
    nodes = (text(old, "status", "nodeName"), text(old, "status", "migrationState", "targetNode"))
    if user.agent_of_node not in nodes:
        yield Cause(reason=NOT_SUPPORTED, message=_OTHER_NODE)
