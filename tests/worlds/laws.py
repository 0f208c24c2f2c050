"""What must hold in every state, after every write, and wherever the cluster comes to rest."""

from __future__ import annotations

from collections.abc import Iterator

from tests.worlds.controllers import Wrote
from tests.worlds.search import Broken
from tests.worlds.server import LATE, Server
from tests.worlds.state import Json, Left, Obj, Seen, State
from virt_controller.plan.actions import Create, Delete, Kind, Patch
from virt_model.labels import VM_FINALIZER

ORDER = {"": 0, "Pending": 0, "Scheduling": 1, "Scheduled": 2, "Running": 3, "Succeeded": 4, "Failed": 4}
BACKS_OFF = ("Always", "RerunOnFailure", "Once")


def _alive(pod: Json) -> bool:
    """A launcher that may hold a guest: it was awaited, has a node and has not ended.

    A replaced leader that wakes up between its last look and its write can make a pod too late; no API call can prevent
    that. virt-handler starts no guest in it, since its VMI has ended, is going or is gone.
    """
    if LATE in pod["metadata"].get("annotations", {}):
        return False
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] in ("Pending", "Running")


class MachineLaws:
    def __init__(self, server: Server) -> None:
        self._server = server

    def _body(self, obj: Obj | None) -> Json | None:
        return self._server.body(obj)

    # --- in every state

    def state(self, state: State) -> None:
        alive = [pod for pod in state.pods if _alive(self._server.bodies[pod.body])]
        if len(alive) > 1:
            raise Broken(f"{len(alive)} launchers of one VM alive: {[self._server.name(pod) for pod in alive]}")
        vmi = self._body(state.vmi)
        owned = vmi is not None and vmi["metadata"].get("ownerReferences")
        if state.vm is None and vmi is not None and owned and LATE not in vmi["metadata"].get("annotations", {}):
            raise Broken("the VM went before its VMI")

    # --- after every write of a controller

    def write(self, wrote: Wrote) -> None:
        action = wrote.action
        if wrote.after is wrote.before:
            return  # what was to be made is there already, and ours
        if isinstance(action, Create) and action.kind is Kind.POD:
            self._pod_created(wrote)
        elif isinstance(action, Create) and action.kind is Kind.VMI:
            self._either(wrote, self._wants_start, "a VMI was made that nobody wanted")
        elif isinstance(action, Delete) and action.kind is Kind.VMI:
            self._either(wrote, self._wants_stop, "a VMI was deleted that nobody wanted to stop")
            self._remembered(wrote)
        elif isinstance(action, Patch) and action.kind is Kind.VMI:
            self._vmi_changed(wrote)
        elif isinstance(action, Patch) and action.kind is Kind.VM:
            self._requests_changed(wrote)

    def _either(self, wrote: Wrote, wants: object, law: str) -> None:
        """The user may change her mind between our look and our write: either moment may justify the write."""
        assert callable(wants)
        if not wants(wrote.was) and not wants(wrote.before.seen):
            raise Broken(law)

    def _pod_created(self, wrote: Wrote) -> None:
        def waits(seen: Seen) -> bool:
            vmi = self._body(seen.vmi)
            return vmi is not None and vmi["status"]["phase"] in ("", "Pending")

        self._either(wrote, waits, "a launcher was made for a VMI that does not wait for one")

    def _wants_start(self, seen: Seen) -> bool:
        vm = self._body(seen.vm)
        if vm is None or "deletionTimestamp" in vm["metadata"]:
            return False
        strategy, status = vm["spec"]["runStrategy"], vm.get("status", {})
        asked = any(each["action"] == "Start" for each in status.get("stateChangeRequests", ()))
        fresh = strategy == "RerunOnFailure" and status.get("runStrategy") != strategy
        return strategy in ("Always", "Once") or (strategy != "Halted" and (asked or fresh))

    def _wants_stop(self, seen: Seen) -> bool:
        vm, vmi = self._body(seen.vm), self._body(seen.vmi)
        if vm is None or vmi is None or "deletionTimestamp" in vm["metadata"]:
            return True
        if vmi["status"]["phase"] in ("Succeeded", "Failed") and vm["spec"]["runStrategy"] not in ("Manual", "Once"):
            return True
        requests = vm.get("status", {}).get("stateChangeRequests", ())
        named = any(each["action"] == "Stop" and each["uid"] == vmi["metadata"]["uid"] for each in requests)
        return named or vm["spec"]["runStrategy"] == "Halted"

    def _remembered(self, wrote: Wrote) -> None:
        """An ended run may only be cleared once the VM knows what follows from it."""
        vm, vmi = self._body(wrote.before.vm), self._body(wrote.before.vmi)
        if vm is None or vmi is None or vm["spec"]["runStrategy"] != "RerunOnFailure":
            return
        status, phase = vm.get("status", {}), vmi["status"]["phase"]
        if phase in ("Succeeded", "Failed") and status.get("runStrategy") != "RerunOnFailure":
            raise Broken("a run was cleared before the strategy it ran under was kept")
        if phase == "Failed" and not status.get("stateChangeRequests") and "deletionTimestamp" not in vm["metadata"]:
            raise Broken("a failed run was cleared before its rerun was asked for")

    def _vmi_changed(self, wrote: Wrote) -> None:
        before, after = self._body(wrote.before.vmi), self._body(wrote.after.vmi)
        assert before is not None
        held = VM_FINALIZER in before["metadata"].get("finalizers", ())
        if held and VM_FINALIZER not in (after or {}).get("metadata", {}).get("finalizers", ()):
            self._failure_counted(wrote, before)
        if after is None:
            if any(_alive(self._server.bodies[pod.body]) for pod in wrote.before.pods):
                raise Broken("a VMI went while its launcher was alive")
            return
        old, new = before["status"]["phase"], after["status"]["phase"]
        if ORDER[new] < ORDER[old]:
            raise Broken(f"phase {old} went back to {new}")
        if new == old:
            return
        pods = [self._server.bodies[pod.body] for pod in wrote.before.pods]
        if new == "Scheduled" and not any(pod["status"]["phase"] != "Pending" for pod in pods):
            raise Broken("handed over before the launcher ran")
        deleting = "deletionTimestamp" in before["metadata"]
        if new == "Failed" and not deleting and any(_alive(pod) for pod in pods):
            raise Broken("failed a VMI whose launcher is alive")
        if new == "Failed" and old in ("Scheduled", "Running") and not pods:
            raise Broken("took a missing pod for the end of its guest")

    def _failure_counted(self, wrote: Wrote, vmi: Json) -> None:
        """The VM's finalizer goes from a VMI that never ran: the VM must have taken note, if it is to slow down."""
        vm = self._body(wrote.before.vm)
        ran = any(stamp["phase"] == "Running" for stamp in vmi["status"]["phaseTransitionTimestamps"])
        looked = self._body(wrote.was.vm)
        strategies = {each["spec"]["runStrategy"] for each in (vm, looked) if each is not None}
        if vm is None or ran or "deletionTimestamp" in vm["metadata"] or not strategies <= set(BACKS_OFF):
            return
        if vm.get("status", {}).get("startFailure", {}).get("lastFailedVMIUID") != vmi["metadata"]["uid"]:
            raise Broken("a start that failed was not counted")

    def _requests_changed(self, wrote: Wrote) -> None:
        before, after = self._body(wrote.before.vm), self._body(wrote.after.vm)
        if before is None or after is None:
            return
        old = before.get("status", {}).get("stateChangeRequests", [])
        new = after.get("status", {}).get("stateChangeRequests", [])
        if len(new) > len(old):
            vmi = self._body(wrote.before.vmi)
            if vmi is None or vmi["status"]["phase"] != "Failed" or before["spec"]["runStrategy"] != "RerunOnFailure":
                raise Broken("a start was asked for that neither the user nor a failure wanted")
        for request in old[: len(old) - len(new)]:
            self._either(wrote, lambda seen, request=request: self._answered(seen, request), f"{request} was forgotten")

    def _answered(self, seen: Seen, request: Json) -> bool:
        vm, vmi = self._body(seen.vm), self._body(seen.vmi)
        if request["action"] == "Stop":
            return vmi is None or vmi["metadata"]["uid"] != request["uid"]
        halted = vm is not None and vm["spec"]["runStrategy"] == "Halted" and "data" not in request
        return halted or (vmi is not None and "deletionTimestamp" not in vmi["metadata"])

    # --- at rest

    def rest(self, state: State, waits: bool) -> None:
        """Nothing moves any more, or only the clock will (`waits`)."""
        for law in self._at_rest(state, waits):
            raise Broken(f"at rest: {law}")

    def _at_rest(self, state: State, waits: bool) -> Iterator[str]:
        vm, vmi = self._body(state.vm), self._body(state.vmi)
        for owed in state.owed:
            if isinstance(owed, Left):
                if vmi is None or vmi["metadata"]["uid"] != owed.uid or vmi["status"]["phase"] != "Running":
                    yield f"it was to be left as an orphan: {owed}"
            elif not waits:
                yield f"answered, and lost: {owed}"
        if vm is None:
            if vmi is not None and vmi["metadata"].get("ownerReferences"):
                yield "the VM is gone, its VMI is not"
            if vmi is None and state.pods:
                yield "a launcher is left over"
            return
        if "deletionTimestamp" in vm["metadata"]:
            yield "a deleted VM is still there"
        if vmi is not None and "deletionTimestamp" in vmi["metadata"]:
            yield "a deleted VMI is still there"
        status, strategy = vm.get("status", {}), vm["spec"]["runStrategy"]
        if status.get("stateChangeRequests") and not waits:
            yield f"unanswered: {status['stateChangeRequests']}"
        if bool(status.get("created")) != (vmi is not None):
            yield "status.created is not true"
        phase = vmi["status"]["phase"] if vmi is not None else None
        yield from _fits(strategy, phase, status.get("printableStatus"), waits)


def _fits(strategy: str, phase: str | None, printable: str | None, waits: bool) -> Iterator[str]:
    if strategy == "Halted" and phase is not None:
        yield f"halted, but there is a VMI: {phase}"
    if strategy in ("Always", "Once") and phase is None and not waits:
        yield f"{strategy}, but there is no VMI"
    if strategy == "Always" and phase in ("Succeeded", "Failed"):
        yield f"Always, but the VMI stays {phase}"
    if strategy == "RerunOnFailure" and phase in ("Succeeded", "Failed"):
        yield f"RerunOnFailure, but the VMI stays {phase}"
    expected = {None: ("Stopped", "CrashLoopBackOff"), "Running": ("Running",), "Succeeded": ("Stopped",)}.get(phase)
    if expected is not None and printable not in expected:
        yield f"VMI {phase}, but the status says {printable}"
