"""What a VMI may be created with, and what may be changed once it is there.

A VMI is a running machine: nobody but our own components changes its spec, and its bookkeeping labels are theirs
alone. The agent of a node may only touch the VMIs of that node.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from virt_api.plan.causes import INVALID, NOT_SUPPORTED, Cause
from virt_api.plan.reading import Raw, find, table, text
from virt_api.plan.rule import Subject, causes_of
from virt_api.plan.rules.metadata import AGENTS_ANNOTATIONS, RESERVED_LABELS
from virt_api.plan.rules.order import SPEC, VMI_CREATE
from virt_api.plan.unsupported import unsupported_vmi
from virt_api.plan.users import User
from virt_model import labels
from virt_model.config import ClusterConfig

_CHANGE_RESERVED = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
_CHANGE_AGENTS = (
    "modification of podvirt.io/runner and podvirt.io/guarded is prohibited: they tell where the guest may run"
)
_RESTRICTED = "update of VMI object is restricted"
_FIXED_SIZES = (
    ("cpu", "maxSockets", "CPU topology maxSockets changed"),
    ("memory", "maxGuest", "Memory maxGuest changed"),
)
_MOVABLE = (
    ("nodeSelector",),
    ("affinity",),
    ("tolerations",),
    ("terminationGracePeriodSeconds",),
    ("volumes",),
    ("networks",),
    ("domain", "cpu", "sockets"),
    ("domain", "cpu", "maxSockets"),
    ("domain", "memory", "guest"),
    ("domain", "memory", "maxGuest"),
    ("domain", "devices", "disks"),
    ("domain", "devices", "filesystems"),
    ("domain", "devices", "interfaces"),
)
"""What our components change of a VMI while it runs; the ceilings have sentences of their own."""
_OTHER_NODE = "Node restriction, virt-handler is only allowed to modify VMIs it owns"


def created_causes(vmi: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """Everything that is wrong with a new VMI; what is not supported yet is told once the rest is right."""
    subject = Subject(spec=table(vmi, "spec"), metadata=table(vmi, "metadata"), user=user, config=config)
    causes = [*causes_of(SPEC, subject), *causes_of(VMI_CREATE, subject)]
    return causes or [*unsupported_vmi(vmi)]


def updated_causes(old: Raw, new: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """What is wrong with a change of a VMI."""
    changes = (_spec_changes, _label_changes, _annotation_changes)
    return [*(cause for find in changes for cause in find(old, new, user)), *_foreign_node(old, new, user, config)]


def _spec_changes(old: Raw, new: Raw, user: User) -> Iterator[Cause]:
    before, after = table(old, "spec"), table(new, "spec")
    if before == after:
        return
    if not user.ours or _fixed(before) != _fixed(after):
        yield Cause(reason=NOT_SUPPORTED, message=_RESTRICTED)
        return
    for part, size, message in _FIXED_SIZES:
        if find(before, "domain", part, size) not in (None, find(after, "domain", part, size)):
            yield Cause(reason=INVALID, message=message)


def _fixed(spec: Raw) -> Raw:
    """A spec without what may change."""
    left = deepcopy(spec)
    for *way, last in _MOVABLE:
        table(left, *way).pop(last, None)
    return left


def _label_changes(old: Raw, new: Raw, user: User) -> Iterator[Cause]:
    before, after = table(old, "metadata", "labels"), table(new, "metadata", "labels")
    if not user.ours and any(before.get(label) != after.get(label) for label in RESERVED_LABELS):
        yield Cause(reason=NOT_SUPPORTED, message=_CHANGE_RESERVED)


def _annotation_changes(old: Raw, new: Raw, user: User) -> Iterator[Cause]:
    before, after = table(old, "metadata", "annotations"), table(new, "metadata", "annotations")
    if not user.ours and any(before.get(each) != after.get(each) for each in AGENTS_ANNOTATIONS):
        yield Cause(reason=NOT_SUPPORTED, message=_CHANGE_AGENTS, field="metadata.annotations")


def _foreign_node(old: Raw, new: Raw, user: User, config: ClusterConfig) -> Iterator[Cause]:
    if not user.agent_of_node or not config.gate("NodeRestriction"):
        return
    nodes = (text(old, "status", "nodeName"), text(old, "status", "migrationState", "targetNode"))
    if user.agent_of_node not in nodes and _but_the_answer(old) != _but_the_answer(new):
        yield Cause(reason=NOT_SUPPORTED, message=_OTHER_NODE)


def _but_the_answer(vmi: Raw) -> Raw:
    """A VMI without what any node's agent may say of it: that a migration's target answers there. It only hastens what
    virt-controller does anyway; and the node is named in the VMI no earlier than that is done.
    """
    written_by_the_server = ("managedFields", "resourceVersion", "generation")
    metadata = {key: value for key, value in table(vmi, "metadata").items() if key not in written_by_the_server}
    said = {key: value for key, value in table(metadata, "annotations").items() if key != labels.TARGET_ANSWERS}
    return {**vmi, "metadata": {**metadata, "annotations": said}}
