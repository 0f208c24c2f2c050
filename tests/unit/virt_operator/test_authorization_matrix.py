"""Who may do what: five roles, every resource and subresource, every verb; what is not granted here is forbidden.

`GRANTS` restates the rights that KubeVirt ships. The rules that we install are evaluated as RBAC does, so that a right
too many fails as a right too few does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from api.crd.kinds import KINDS
from virt_operator.plan import rbac_users
from virt_operator.plan.rbac import EVERYTHING, READ

VERBS = EVERYTHING
SUB = "subresources.kubevirt.io"
VM, VMI = "virtualmachines", "virtualmachineinstances"
LOOK = ["guestosinfo", "filesystemlist", "userlist", "sev/fetchcertchain", "sev/querylaunchmeasurement", "objectgraph"]
USE = ["console", "vnc", "portforward", "usbredir"]
CHANGE_VMI = [
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
]
CHANGE_VM = [
    "start",
    "stop",
    "restart",
    "addvolume",
    "removevolume",
    "memorydump",
    "removememorydump",
    "evacuate/cancel",
]
NOBODYS = ["backup", "redefine-checkpoint", "vsock"]
LOOK_VM, USE_VM = ["expand-spec", "objectgraph"], ["portforward"]

Right = tuple[str, str, str]  # group, resource, verb
ALL_SUBRESOURCES = {
    *(f"{VMI}/{name}" for name in (*LOOK, *USE, "vnc/screenshot", *CHANGE_VMI, *NOBODYS)),
    *(f"{VM}/{name}" for name in (*LOOK_VM, *USE_VM, *CHANGE_VM, "migrate")),
    "expand-vm-spec",
    "version",
    "guestfs",
}
#: what kube-apiserver makes of subresources whose names have two words: each is granted with what it stands for
FIRST_WORDS = {name.rpartition("/")[0] for name in ALL_SUBRESOURCES if name.count("/") == 2}
RESOURCES = {(row.group.name, row.plural) for row in KINDS.values()} | {
    (SUB, name) for name in ALL_SUBRESOURCES | FIRST_WORDS
}
#: kinds that no namespace role has a say in, or only a look at
MIGRATIONS = ("kubevirt.io", "virtualmachineinstancemigrations")
POLICIES = ("migrations.kubevirt.io", "migrationpolicies")
CLUSTERS_OWN = {
    ("kubevirt.io", "kubevirts"),
    ("instancetype.kubevirt.io", "virtualmachineclusterinstancetypes"),
    ("instancetype.kubevirt.io", "virtualmachineclusterpreferences"),
    ("plugin.kubevirt.io", "plugins"),
    ("podvirt.io", "maintenances"),
    MIGRATIONS,
    POLICIES,
}
WORKLOADS = {(row.group.name, row.plural) for row in KINDS.values()} - CLUSTERS_OWN


def _rights(resources: Iterable[tuple[str, str]], verbs: Iterable[str]) -> set[Right]:
    verbs = tuple(verbs)
    return {(group, resource, verb) for group, resource in resources for verb in verbs}


def _sub(kind: str, names: Iterable[str], verb: str) -> set[Right]:
    words = {word for name in names for word in (name, name.partition("/")[0])}
    return {(SUB, f"{kind}/{word}", verb) for word in words}


VIEW = (
    _rights({*WORKLOADS, MIGRATIONS, POLICIES}, READ)
    | _sub(VMI, LOOK, "get")
    | _sub(VM, LOOK_VM, "get")
    | {(SUB, "expand-vm-spec", "update")}
)
EDIT = (
    VIEW
    | _rights(WORKLOADS, set(VERBS) - {"deletecollection"})
    | _sub(VMI, USE, "get")
    | _sub(VM, USE_VM, "get")
    | _sub(VMI, CHANGE_VMI, "update")
    | _sub(VM, CHANGE_VM, "update")
)
GRANTS: dict[str, set[Right]] = {
    "kubevirt.io:view": VIEW,
    "kubevirt.io:edit": EDIT,
    "kubevirt.io:admin": EDIT | _rights(WORKLOADS, VERBS) | _sub(VMI, ["vnc/screenshot"], "get"),
    "kubevirt.io:migrate": _rights({MIGRATIONS}, VERBS) | _sub(VM, ["migrate"], "update"),
    "kubevirt.io:default": _rights({("kubevirt.io", "kubevirts")}, ("get", "list"))
    | _rights({(SUB, "version"), (SUB, "guestfs")}, ("get", "list")),
}


def _granted(role: str) -> Iterator[Right]:
    found = next(each for each in rbac_users.objects(aggregate=True) if each["metadata"]["name"] == role)
    for rule in found["rules"]:
        assert "resourceNames" not in rule and "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        for group in rule["apiGroups"]:
            yield from _rights({(group, resource) for resource in rule["resources"]}, rule["verbs"])


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_grants_what_it_should_and_nothing_else(role: str) -> None:
    granted = set(_granted(role))
    wrong = [
        (verb, group, resource)
        for group, resource in sorted(RESOURCES)
        for verb in VERBS
        if ((group, resource, verb) in granted) is not ((group, resource, verb) in GRANTS[role])
    ]
    assert wrong == []
    assert granted <= _rights(RESOURCES, VERBS), "a right to something that there is not"
