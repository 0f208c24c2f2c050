"""Everybody but virt-controller: the user, the scheduler and kubelet, virt-handler, the garbage collector.

Each gives the steps it could take now, as (label, new state). A step that is late is simply taken later: the search
tries every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.worlds.server import Refused, Server
from tests.worlds.state import Json, Left, Obj, State
from virt_model.labels import FOREGROUND_FINALIZER, ORPHAN_FINALIZER

Step = tuple[str, State]
READY_POD = {"type": "Ready", "status": "True"}


def steps(server: Server, state: State) -> Iterator[Step]:
    """What the cluster does by itself, without faults."""
    yield from _kubelet(server, state)
    yield from _handler(server, state)
    yield from _collector(server, state)


def outside(server: Server, state: State) -> Iterator[Step]:
    """What comes from outside and is counted: the user, guests that end, pods that fail."""
    yield from _guest(server, state)
    for action in state.budget.user:
        rest = tuple(each for each in state.budget.user if each != action)
        try:
            changed = USER[action](server, state)
        except Refused:
            continue
        yield f"user {action}", changed._replace(budget=state.budget._replace(user=rest))


# --- kubelet and scheduler


def _kubelet(server: Server, state: State) -> Iterator[Step]:
    for pod in state.pods:
        body = server.bodies[pod.body]
        phase, leaving = body["status"]["phase"], "deletionTimestamp" in body["metadata"]
        if phase == "Pending" and not body["spec"].get("nodeName"):
            yield "bind", _pod(server, state, pod, spec={"nodeName": "node1"})
        elif phase == "Pending" and leaving:
            yield "pod ended early", _pod(server, state, pod, phase="Failed")
        elif phase == "Pending":
            yield "compute runs", _pod(server, state, pod, phase="Running")
            if state.budget.pod_fails:
                spent = state.budget._replace(pod_fails=state.budget.pod_fails - 1)
                yield "pod fails", _pod(server, state._replace(budget=spent), pod, phase="Failed")
        elif phase == "Running" and _guest_ended(server, state, body):
            yield "launcher ends", _pod(server, state, pod, phase="Succeeded")
        elif phase in ("Succeeded", "Failed") and leaving:
            yield "pod removed", server.drop(state, "pods", pod)


def _pod(server: Server, state: State, pod: Obj, phase: str = "", spec: Json | None = None) -> State:
    body = server.bodies[pod.body]
    status = dict(body["status"])
    if phase:
        word = {"Running": "running", "Succeeded": "terminated", "Failed": "terminated"}[phase]
        status |= {"phase": phase, "containerStatuses": [{"name": "compute", "state": {word: {}}}]}
        others = [each for each in status.get("conditions", ()) if each["type"] != "Ready"]
        status["conditions"] = [*others, {**READY_POD, "status": "True" if phase == "Running" else "False"}]
    return server.put(state, "pods", pod, {**body, "spec": {**body["spec"], **(spec or {})}, "status": status})[0]


def _guest_ended(server: Server, state: State, pod: Json) -> bool:
    """The launcher goes when its guest is over, or when it never had one and is told to go."""
    vmi = server.body(state.vmi)
    owner = pod["metadata"]["ownerReferences"][0]["uid"]
    if vmi is None or vmi["metadata"]["uid"] != owner:
        return True
    phase = vmi["status"]["phase"]
    return phase in ("Succeeded", "Failed") or ("deletionTimestamp" in pod["metadata"] and phase != "Running")


# --- virt-handler


def _handler(server: Server, state: State) -> Iterator[Step]:
    vmi = server.body(state.vmi)
    if vmi is None:
        return
    phase, pod = vmi["status"]["phase"], _running_pod(server, state, vmi)
    if phase == "Scheduled" and pod is not None and "deletionTimestamp" not in vmi["metadata"]:
        yield "guest starts", _vmi_phase(server, state, "Running")
    leaving = "deletionTimestamp" in vmi["metadata"] or (pod is not None and "deletionTimestamp" in pod["metadata"])
    if phase in ("Scheduled", "Running") and leaving and pod is not None:
        yield "guest shut down", _vmi_phase(server, state, "Succeeded")
    if phase in ("Scheduled", "Running") and pod is None:
        yield "agent tells of the end", _vmi_phase(server, state, "Failed")


def _running_pod(server: Server, state: State, vmi: Json) -> Json | None:
    for pod in state.pods:
        body = server.bodies[pod.body]
        owner = body["metadata"]["ownerReferences"][0]["uid"]
        if owner == vmi["metadata"]["uid"] and body["status"]["phase"] == "Running":
            return body
    return None


def _vmi_phase(server: Server, state: State, phase: str) -> State:
    assert state.vmi is not None
    body = server.bodies[state.vmi.body]
    stamps = [*body["status"]["phaseTransitionTimestamps"], {"phase": phase, "phaseTransitionTimestamp": "then"}]
    status = {**body["status"], "phase": phase, "phaseTransitionTimestamps": stamps}
    return server.put(state, "vmi", state.vmi, {**body, "status": status})[0]


def _guest(server: Server, state: State) -> Iterator[Step]:
    vmi = server.body(state.vmi)
    if vmi is None or vmi["status"]["phase"] != "Running" or not state.budget.guest_ends:
        return
    spent = state._replace(budget=state.budget._replace(guest_ends=state.budget.guest_ends - 1))
    for label, phase in (("guest powers off", "Succeeded"), ("guest crashes", "Failed")):
        yield label, _vmi_phase(server, spent, phase)


# --- garbage collector


def _collector(server: Server, state: State) -> Iterator[Step]:
    vmi = server.body(state.vmi)
    for pod in state.pods:
        body = server.bodies[pod.body]
        owner = body["metadata"]["ownerReferences"][0]["uid"]
        orphaned = vmi is None or vmi["metadata"]["uid"] != owner
        if orphaned and "deletionTimestamp" not in body["metadata"]:
            yield "collect pod", server.delete(state, "pods", body["metadata"]["name"], "")[0]
    owners = vmi["metadata"].get("ownerReferences", ()) if vmi is not None else ()
    gone = vmi is not None and owners and (state.vm is None or server.uid(state.vm) != owners[0]["uid"])
    yield from _propagation(server, state, bool(owners) and not gone)
    if gone and vmi is not None and "deletionTimestamp" not in vmi["metadata"]:
        yield "collect vmi", server.delete(state, "vmi", vmi["metadata"]["name"], "")[0]


def _propagation(server: Server, state: State, owns: bool) -> Iterator[Step]:
    """What holds a deleted VM: until its VMI is nobody's, or until its VMI is gone."""
    vm, vmi = server.body(state.vm), server.body(state.vmi)
    if vm is None or state.vm is None or "deletionTimestamp" not in vm["metadata"]:
        return
    finalizers = vm["metadata"].get("finalizers", ())
    if ORPHAN_FINALIZER in finalizers and owns and vmi is not None and state.vmi is not None:
        metadata = {**vmi["metadata"], "ownerReferences": []}
        yield "make an orphan", server.put(state, "vmi", state.vmi, {**vmi, "metadata": metadata})[0]
    if FOREGROUND_FINALIZER in finalizers and owns and vmi is not None and "deletionTimestamp" not in vmi["metadata"]:
        yield "collect vmi first", server.delete(state, "vmi", vmi["metadata"]["name"], "")[0]
    for finalizer in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER):
        if finalizer in finalizers and not owns:
            metadata = {**vm["metadata"], "finalizers": [each for each in finalizers if each != finalizer]}
            yield f"{finalizer} is done", server.put(state, "vm", state.vm, {**vm, "metadata": metadata})[0]


# --- the user, who edits and deletes; what she says through virt-api is in `requests`


def _vm_body(server: Server, state: State) -> Json:
    body = server.body(state.vm)
    if body is None or "deletionTimestamp" in body["metadata"]:
        raise Refused("no VM")
    return body


def _strategy(strategy: str) -> Callable[[Server, State], State]:
    def change(server: Server, state: State) -> State:
        body = _vm_body(server, state)
        if body["spec"]["runStrategy"] == strategy:
            raise Refused("nothing to change")
        generation = body["metadata"]["generation"] + 1
        metadata = {**body["metadata"], "generation": generation}
        new = {**body, "metadata": metadata, "spec": {**body["spec"], "runStrategy": strategy}}
        assert state.vm is not None
        return server.put(state, "vm", state.vm, new)[0]

    return change


def _delete(slot: str) -> Callable[[Server, State], State]:
    def remove(server: Server, state: State) -> State:
        obj = getattr(state, slot)
        if obj is None or "deletionTimestamp" in server.bodies[obj.body]["metadata"]:
            raise Refused("nothing to delete")
        return server.delete(state, slot, server.name(obj), "")[0]

    return remove


def _delete_held(finalizer: str) -> Callable[[Server, State], State]:
    """As a DELETE with a propagation policy does it: the garbage collector's finalizer holds the VM."""

    def remove(server: Server, state: State) -> State:
        body = _vm_body(server, state)
        assert state.vm is not None
        metadata = {**body["metadata"], "finalizers": [*body["metadata"].get("finalizers", ()), finalizer]}
        held, vm = server.put(state, "vm", state.vm, {**body, "metadata": metadata})
        assert vm is not None
        after = server.delete(held, "vm", server.name(vm), "")[0]
        vmi = server.body(state.vmi)
        if finalizer != ORPHAN_FINALIZER or vmi is None or not _keeps(vmi):
            return after
        return after._replace(owed=(*after.owed, Left(vmi["metadata"]["uid"])))

    return remove


def _keeps(vmi: Json) -> bool:
    """Whether it is there to stay."""
    return "deletionTimestamp" not in vmi["metadata"] and vmi["status"]["phase"] not in ("Succeeded", "Failed")


def _delete_pod(server: Server, state: State) -> State:
    if not state.pods:
        raise Refused("nothing to delete")
    return server.delete(state, "pods", server.name(state.pods[0]), "")[0]


USER: dict[str, Callable[[Server, State], State]] = {
    "halt": _strategy("Halted"),
    "always": _strategy("Always"),
    "rerun": _strategy("RerunOnFailure"),
    "delete vm": _delete("vm"),
    "delete vm, leaving an orphan": _delete_held(ORPHAN_FINALIZER),
    "delete vm, dependents first": _delete_held(FOREGROUND_FINALIZER),
    "delete vmi": _delete("vmi"),
    "delete pod": _delete_pod,
}
