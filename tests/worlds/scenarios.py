"""The small worlds: how each begins, and what may befall it."""

from __future__ import annotations

from tests.worlds.server import NOW, Server
from tests.worlds.state import Budget, Json, State

TEMPLATE: Json = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {
        "domain": {"devices": {}, "firmware": {"uuid": "u"}, "machine": {"type": "q35"}, "memory": {"guest": "64Mi"}},
        "volumes": [],
    },
}


def vm_world(server: Server, strategy: str, budget: Budget) -> State:
    """A VM that was just created."""
    empty = State(None, None, (), (), 0, 0, None, None, None, None, budget)
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"runStrategy": strategy, "template": TEMPLATE},
    }
    return server.create(empty, "vm", body)[0]


def vmi_world(server: Server, budget: Budget) -> State:
    """A VMI without VM that was just created."""
    empty = State(None, None, (), (), 0, 0, None, None, None, None, budget)
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "n", "creationTimestamp": NOW},
        "spec": TEMPLATE["spec"],
    }
    return server.create(empty, "vmi", body)[0]


#: name -> (run strategy, or None for a bare VMI; what may happen)
SCENARIOS: dict[str, tuple[str | None, Budget]] = {
    "bare, stale": (None, Budget(user=("delete vmi",), stale=1)),
    "bare, guest ends": (None, Budget(user=("delete vmi",), guest_ends=1, pod_fails=1)),
    "bare, two leaders": (None, Budget(user=("delete vmi",), takeovers=1)),
    "bare, pod deleted": (None, Budget(user=("delete pod", "delete vmi"))),
    "always, pod deleted": ("Always", Budget(user=("delete pod",))),
    "rerun, pod deleted": ("RerunOnFailure", Budget(user=("delete pod",))),
    "always, halt and back": ("Always", Budget(user=("halt", "always"))),
    "always, halted, stale": ("Always", Budget(user=("halt",), stale=1)),
    "halted, always, stale": ("Halted", Budget(user=("always",), stale=1)),
    "always, restart": ("Always", Budget(user=("restart",))),
    "always, guest ends": ("Always", Budget(guest_ends=1)),
    "always, guest ends, stale": ("Always", Budget(guest_ends=1, stale=1)),
    "always, pod fails": ("Always", Budget(pod_fails=1)),
    "always, two leaders": ("Always", Budget(user=("halt",), takeovers=1)),
    "always, deleted": ("Always", Budget(user=("delete vm",), stale=1)),
    "always, deleted, two leaders": ("Always", Budget(user=("delete vm",), takeovers=1)),
    "always, vmi deleted": ("Always", Budget(user=("delete vmi",), stale=1)),
    "rerun, guest ends": ("RerunOnFailure", Budget(guest_ends=1)),
    "rerun, pod fails": ("RerunOnFailure", Budget(pod_fails=1)),
    "rerun, stop": ("RerunOnFailure", Budget(user=("stop",), stale=1)),
    "manual, start and stop": ("Manual", Budget(user=("start", "stop"))),
    "manual, start, stale": ("Manual", Budget(user=("start",), guest_ends=1, stale=1)),
    "manual, restart": ("Manual", Budget(user=("start", "restart"))),
    "once, guest ends, deleted": ("Once", Budget(user=("delete vmi",), guest_ends=1)),
    "halted, started paused": ("Halted", Budget(user=("start paused", "halt"))),
    "halted, always, deleted": ("Halted", Budget(user=("always", "delete vm"))),
}


def begin(server: Server, name: str) -> State:
    strategy, budget = SCENARIOS[name]
    return vmi_world(server, budget) if strategy is None else vm_world(server, strategy, budget)
