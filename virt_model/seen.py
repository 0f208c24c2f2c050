"""Windows on the objects that decisions are about: the raw object, and what it says by name.

The raw object stays the truth: whatever is written is computed from it, so a field nobody here knows survives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.time import InvalidTime, parse_time
from virt_model import labels
from virt_model.conditions import Conditions
from virt_model.phases import Phase, RunStrategy, run_strategy

Json = dict[str, Any]

#: what the kubelet calls an image that it cannot get
PULL_FAILURES: Final = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_BY_SIGNAL: Final = range(129, 193)  # exit codes: 128 and the number of the signal


def seconds(text: Any) -> float | None:
    """Seconds since 1970 of a stamp, None when it is none."""
    try:
        return parse_time(text) if isinstance(text, str) else None
    except InvalidTime:
        return None


class Seen(msgspec.Struct, frozen=True):
    """Any object."""

    raw: Json

    @property
    def metadata(self) -> Json:
        return self.raw.get("metadata") or {}

    @property
    def spec(self) -> Json:
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Json:
        return self.raw.get("status") or {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.metadata.get("uid", ""))

    @property
    def version(self) -> str:
        return str(self.metadata.get("resourceVersion", ""))

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def finalizers(self) -> tuple[str, ...]:
        return tuple(self.metadata.get("finalizers") or ())

    @property
    def held_by(self) -> tuple[str, ...]:
        """Finalizers of somebody else: neither ours nor those of Kubernetes' garbage collector."""
        known = {*labels.MACHINE_FINALIZERS, labels.ORPHAN_FINALIZER, labels.FOREGROUND_FINALIZER}
        return tuple(each for each in self.finalizers if each not in known)

    @property
    def deleting(self) -> bool:
        return "deletionTimestamp" in self.metadata

    @property
    def deleted_at(self) -> float | None:
        return seconds(self.metadata.get("deletionTimestamp"))

    @property
    def created_at(self) -> float | None:
        return seconds(self.metadata.get("creationTimestamp"))

    @property
    def born(self) -> tuple[float, str]:
        """By age: when it was created, and its UID, since stamps are whole seconds."""
        return self.created_at or 0.0, self.uid

    @property
    def conditions(self) -> Conditions:
        return self.status.get("conditions") or []

    def controller(self) -> Json | None:
        """The owner reference of what manages this object."""
        owners = self.metadata.get("ownerReferences") or []
        return next((owner for owner in owners if owner.get("controller")), None)

    def controlled_by(self, uid: str) -> bool:
        owner = self.controller()
        return owner is not None and owner.get("uid") == uid


class Vm(Seen, frozen=True):
    """A VirtualMachine."""

    @property
    def generation(self) -> int:
        return int(self.metadata.get("generation") or 0)

    @property
    def strategy(self) -> RunStrategy:
        return run_strategy(self.spec.get("running"), self.spec.get("runStrategy") or "")

    @property
    def template(self) -> Json:
        return self.spec.get("template") or {}

    @property
    def requests(self) -> tuple[Json, ...]:
        """Pending state change requests; only the first counts."""
        return tuple(self.status.get("stateChangeRequests") or ())

    @property
    def start_failure(self) -> Json:
        return self.status.get("startFailure") or {}


class Vmi(Seen, frozen=True):
    """A VirtualMachineInstance."""

    @property
    def phase(self) -> Phase:
        try:
            return Phase(self.status.get("phase") or "")
        except ValueError:
            return Phase.UNKNOWN

    @property
    def ran(self) -> bool:
        """Whether the guest was ever up."""
        steps = self.status.get("phaseTransitionTimestamps") or []
        return self.phase is Phase.RUNNING or any(step.get("phase") == Phase.RUNNING for step in steps)

    def entered_at(self, phase: Phase) -> float | None:
        """When it came into a phase, if it did."""
        steps = self.status.get("phaseTransitionTimestamps") or []
        stamps = [step.get("phaseTransitionTimestamp") for step in steps if step.get("phase") == phase]
        return seconds(stamps[-1]) if stamps else None

    @property
    def node(self) -> str:
        return str(self.status.get("nodeName") or "")

    @property
    def started_generation(self) -> int | None:
        """The generation of the VM from which it was made."""
        text = self.annotations.get(labels.VM_GENERATION, "")
        return int(text) if text.isdecimal() else None


class Pod(Seen, frozen=True):
    """A launcher pod."""

    @property
    def phase(self) -> str:
        return str(self.status.get("phase") or "Pending")

    @property
    def finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def node(self) -> str:
        return str(self.spec.get("nodeName") or "")

    @property
    def containers(self) -> tuple[Json, ...]:
        """States of all containers, compute first."""
        states = [*(self.status.get("containerStatuses") or ()), *(self.status.get("initContainerStatuses") or ())]
        return tuple(sorted(states, key=lambda state: state.get("name") != "compute"))

    def _compute(self, state: str) -> bool:
        return any(
            each.get("name") == "compute" and state in (each.get("state") or {})
            for each in self.status.get("containerStatuses") or ()
        )

    @property
    def compute_running(self) -> bool:
        return self.phase == "Running" and self._compute("running")

    @property
    def compute_ended_at(self) -> float | None:
        for each in self.status.get("containerStatuses") or ():
            if each.get("name") == "compute":
                return seconds(((each.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        return None

    @property
    def compute_ended(self) -> bool:
        return self.finished or self._compute("terminated")

    @property
    def waiting(self) -> str:
        """The kubelet's word for what a container waits for; "" where none does."""
        return str(self._wait.get("reason") or "")

    @property
    def hindrance(self) -> str:
        """Why it does not start, in the words of the scheduler or else of the kubelet; "" where neither says."""
        placed: Mapping[str, Any] = next((each for each in self.conditions if each.get("type") == "PodScheduled"), {})
        said = placed if placed.get("status") == "False" else self._wait
        return ": ".join(str(said[key]) for key in ("reason", "message") if said.get(key))

    @property
    def _wait(self) -> Json:
        states = (each.get("state") or {} for each in self.containers)
        return next((state["waiting"] for state in states if "waiting" in state), {})

    @property
    def ended_badly(self) -> str:
        """How the launcher ended, in a sentence; "" where it runs, ended well, or nobody knows.

        The pod's own word comes first: it was evicted, or its node could not give it what it was promised.
        """
        if not self.compute_ended:
            return ""
        if self.phase == "Failed" and self.status.get("reason"):
            said = ": ".join(str(self.status[key]) for key in ("reason", "message") if self.status.get(key))
            return f"the launcher pod failed: {said}"
        for each in self.status.get("containerStatuses") or ():
            if each.get("name") == "compute":
                return _how((each.get("state") or {}).get("terminated") or {})
        return ""


def _how(terminated: Json) -> str:
    code = int(terminated.get("exitCode") or 0)
    if terminated.get("reason") == "OOMKilled":
        return "the launcher was killed because its pod used more memory than its limit (OOMKilled)"
    if code in _BY_SIGNAL:
        return f"the launcher was killed by signal {code - 128}"
    if code:
        words = str(terminated.get("message") or "").strip()
        return f"the launcher ended with exit code {code}" + (f": {words}" if words else "")
    return ""
