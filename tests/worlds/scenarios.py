"""The small worlds: how each begins, and what may befall it."""

from __future__ import annotations

from tests.worlds.explore import Explorer
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
    "always, restart": ("Always", Budget(calls=("restart",))),
    "always, guest ends": ("Always", Budget(guest_ends=1)),
    "always, guest ends, stale": ("Always", Budget(guest_ends=1, stale=1)),
    "always, pod fails": ("Always", Budget(pod_fails=1)),
    "always, two leaders": ("Always", Budget(user=("halt",), takeovers=1)),
    "always, deleted": ("Always", Budget(user=("delete vm",), stale=1)),
    "always, deleted, two leaders": ("Always", Budget(user=("delete vm",), takeovers=1)),
    "always, vmi deleted": ("Always", Budget(user=("delete vmi",), stale=1)),
    "rerun, guest ends": ("RerunOnFailure", Budget(guest_ends=1)),
    "rerun, pod fails": ("RerunOnFailure", Budget(pod_fails=1)),
    "rerun, stop": ("RerunOnFailure", Budget(calls=("stop",), stale=1)),
    "manual, start and stop": ("Manual", Budget(calls=("start", "stop"))),
    "manual, start, stale": ("Manual", Budget(calls=("start",), guest_ends=1, stale=1)),
    "manual, restart": ("Manual", Budget(calls=("start", "restart"))),
    "once, guest ends, deleted": ("Once", Budget(user=("delete vmi",), guest_ends=1)),
    "halted, started paused": ("Halted", Budget(user=("halt",), calls=("start paused",))),
    "always, left as an orphan": ("Always", Budget(user=("delete vm, leaving an orphan",))),
    "halted, always, deleted": ("Halted", Budget(user=("always", "delete vm"))),
}


#: the same, where the guest runs already: name -> (run strategy; what may happen)
RUNNING: dict[str, tuple[str, Budget]] = {
    "manual, two users stop": ("Manual", Budget(calls=("stop at once", "stop in 5 s"))),
    "manual, restarted twice": ("Manual", Budget(calls=("restart at once", "restart"))),
    "manual, stopped and started": ("Manual", Budget(calls=("stop", "start"))),
    "manual, stopped as it starts again": ("Manual", Budget(calls=("start", "stop at once"), guest_ends=1)),
    "manual, restarted and halted": ("Manual", Budget(user=("halt",), calls=("restart",))),
    "always, stopped and restarted": ("Always", Budget(calls=("stop at once", "restart"))),
    "always, stopped and started": ("Always", Budget(calls=("stop", "start"))),
    "always, stopped and deleted": ("Always", Budget(user=("delete vm",), calls=("stop in 5 s",))),
    "rerun, restarted as it ends": ("RerunOnFailure", Budget(calls=("restart at once",), guest_ends=1)),
    "rerun, stopped and restarted": ("RerunOnFailure", Budget(calls=("stop", "restart"))),
    "always, dependents first": ("Always", Budget(user=("delete vm, dependents first",))),
}


def begin(explorer: Explorer, name: str) -> State:
    server = explorer.server
    if name in RUNNING:
        strategy, budget = RUNNING[name]
        begun = explorer.settled(vm_world(server, "Always", Budget()))
        assert begun.vm is not None
        body = server.bodies[begun.vm.body]
        other = {**body, "spec": {**body["spec"], "runStrategy": strategy}}
        return explorer.settled(server.put(begun, "vm", begun.vm, other)[0])._replace(budget=budget)
    only, budget = SCENARIOS[name]
    return vmi_world(server, budget) if only is None else vm_world(server, only, budget)
