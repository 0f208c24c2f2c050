"""What people may do: `kubevirt.io:{default,admin,edit,view,migrate}`, added to Kubernetes' own admin, edit, view.

Groups and verbs follow KubeVirt, so that roles which clusters already hand out keep their meaning. Migrating is
a right of its own: a namespace's admin has it only when bound to `kubevirt.io:migrate`.

A call passes two gates, and they see different words in it. kube-apiserver takes the first word behind an object's name
for the subresource (`evacuate`), and a GET without a name for a `list`; virt-api asks about the whole of it
(`evacuate/cancel`). Both must be granted.
"""

from __future__ import annotations

from collections.abc import Sequence

from .rbac import EVERYTHING, READ, Json, cluster_binding, cluster_role, group, rule

KUBEVIRT = "kubevirt.io"
SUBRESOURCES = "subresources.kubevirt.io"
WORKLOADS = (
    "virtualmachines",
    "virtualmachineinstances",
    "virtualmachineinstancepresets",
    "virtualmachineinstancereplicasets",
)
MIGRATIONS = "virtualmachineinstancemigrations"
SIDE_GROUPS = (
    ("snapshot.kubevirt.io", ("virtualmachinesnapshots", "virtualmachinesnapshotcontents", "virtualmachinerestores")),
    ("export.kubevirt.io", ("virtualmachineexports",)),
    ("clone.kubevirt.io", ("virtualmachineclones",)),
    ("instancetype.kubevirt.io", ("virtualmachineinstancetypes", "virtualmachinepreferences")),
    ("pool.kubevirt.io", ("virtualmachinepools",)),
    ("backup.kubevirt.io", ("virtualmachinebackups", "virtualmachinebackuptrackers")),
)
EVERYBODYS_SIZES = "instancetype.kubevirt.io:view"
EDIT = tuple(verb for verb in EVERYTHING if verb != "deletecollection")

_READ_VMI = (
    "guestosinfo",
    "filesystemlist",
    "userlist",
    "sev/fetchcertchain",
    "sev/querylaunchmeasurement",
    "objectgraph",
)
_USE_VMI = ("console", "vnc", "portforward", "usbredir")
_CHANGE_VMI = (
    "pause",
    "unpause",
    "addvolume",
    "removevolume",
    "freeze",
    "unfreeze",
    "softreboot",
    "reset",
    "sev/setupsession",
    "sev/injectlaunchsecret",
    "evacuate/cancel",
)
_CHANGE_VM = (
    "start",
    "stop",
    "restart",
    "addvolume",
    "removevolume",
    "memorydump",
    "removememorydump",
    "evacuate/cancel",
)


def objects(*, aggregate: bool) -> list[Json]:
    """`aggregate`: fold them into the cluster's admin, edit and view (`roleAggregationStrategy`)."""

    def labels(level: str) -> dict[str, str]:
        return {f"rbac.authorization.k8s.io/aggregate-to-{level}": "true"} if aggregate else {}

    default = [
        rule(SUBRESOURCES, ("version", "guestfs"), ("get", "list")),
        rule(KUBEVIRT, ("kubevirts",), ("get", "list")),
    ]
    migrate = [
        rule(SUBRESOURCES, ("virtualmachines/migrate",), ("update",)),
        rule(KUBEVIRT, (MIGRATIONS,), EVERYTHING),
    ]
    sizes = ("virtualmachineclusterinstancetypes", "virtualmachineclusterpreferences")
    return [
        cluster_role(EVERYBODYS_SIZES, [rule("instancetype.kubevirt.io", sizes, READ)]),
        cluster_binding(EVERYBODYS_SIZES, EVERYBODYS_SIZES, group("system:authenticated")),
        cluster_role("kubevirt.io:default", default),
        cluster_binding("kubevirt.io:default", "kubevirt.io:default", group("system:authenticated")),
        cluster_role("kubevirt.io:admin", _change_rules(EVERYTHING, ("vnc/screenshot",)), labels("admin")),
        cluster_role("kubevirt.io:edit", _change_rules(EDIT, ()), labels("edit")),
        cluster_role("kubevirt.io:view", _view_rules(), labels("view")),
        cluster_role("kubevirt.io:migrate", migrate),
    ]


def _of(resource: str, names: Sequence[str]) -> list[str]:
    """Subresources of it, for both gates."""
    words = dict.fromkeys(word for name in names for word in (name, name.partition("/")[0]))
    return [f"{resource}/{word}" for word in words]


def _change_rules(verbs: tuple[str, ...], more_use: tuple[str, ...]) -> list[Json]:
    vmi_reads = _of("virtualmachineinstances", (*_USE_VMI, *more_use, *_READ_VMI))
    vm_reads = ["virtualmachines/expand-spec", "virtualmachines/portforward", "virtualmachines/objectgraph"]
    return [
        rule(SUBRESOURCES, [*vmi_reads, *vm_reads], ("get",)),
        rule(SUBRESOURCES, _of("virtualmachineinstances", _CHANGE_VMI), ("update",)),
        rule(SUBRESOURCES, [*_of("virtualmachines", _CHANGE_VM), "expand-vm-spec"], ("update",)),
        rule(KUBEVIRT, WORKLOADS, verbs),
        rule(KUBEVIRT, (MIGRATIONS,), READ),
        *(rule(api_group, resources, verbs) for api_group, resources in SIDE_GROUPS),
        rule("migrations.kubevirt.io", ("migrationpolicies",), READ),
    ]


def _view_rules() -> list[Json]:
    vmi_reads = _of("virtualmachineinstances", _READ_VMI)
    vm_reads = ["virtualmachines/expand-spec", "virtualmachines/objectgraph"]
    return [
        rule(SUBRESOURCES, [*vmi_reads, *vm_reads], ("get",)),
        rule(SUBRESOURCES, ("expand-vm-spec",), ("update",)),
        rule(KUBEVIRT, (*WORKLOADS, MIGRATIONS), READ),
        *(rule(api_group, resources, READ) for api_group, resources in SIDE_GROUPS),
        rule("migrations.kubevirt.io", ("migrationpolicies",), READ),
    ]
