"""What was recorded of one scenario of the original: what was done, what was seen, and what stood still meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .tracks import MIGRATION, VM, VMI, Tracks, shown, tracks

Json = dict[str, Any]
STATEFUL = VM, VMI, MIGRATION

#: seconds for which an object had not changed in the recording when it counts as standing still
STILL = 2.0
#: the same for what is on its way to another look
PASSING = {"Starting": 10.0, "Pending": 10.0, "Scheduling": 10.0, "Scheduled": 10.0}


@dataclass
class Recording:
    """What was seen (`events`, with `t` in seconds) and done (`commands`) in one namespace of the original."""

    name: str
    events: list[Json]
    commands: list[Json]

    @property
    def namespace(self) -> str:
        return f"rec-{self.name}"

    @property
    def sweep(self) -> float:
        """When the recorder removed whatever was left; the scenario ends before it."""
        return next(each["t"] for each in self.commands if "--all" in each.get("argv", ()))

    def tracks(self) -> Tracks:
        return tracks((each for each in self.events if each["t"] < self.sweep), self.namespace)

    def standing(self, moment: float) -> Iterator[tuple[str, str, tuple[str, str]]]:
        """(kind, name, how it looked) of each VM, VMI and migration that stood still at that moment.

        What a command had named since its last change may have been about to move.
        """
        last: dict[tuple[str, str], tuple[float, tuple[str, str]]] = {}
        for event in self.events:
            thing = event["object"]
            named = "generateName" not in thing["metadata"]  # another name elsewhere
            if named and event["t"] < moment and thing["kind"] in STATEFUL:
                look = shown(thing, event["type"] == "DELETED")
                key = thing["kind"], thing["metadata"]["name"]
                if key not in last or last[key][1] != look:
                    last[key] = event["t"], look
        for (kind, name), (since, look) in last.items():
            if moment - since >= PASSING.get(look[0], STILL) and not self._named_within(name, since, moment):
                yield kind, name, look

    def _named_within(self, name: str, since: float, until: float) -> bool:
        return any(since < each["t"] < until and name in each.get("argv", ()) for each in self.commands)

    def vmi_of_pod(self, pod: str) -> str:
        for event in self.events:
            thing = event["object"]
            if thing["kind"] == "Pod" and thing["metadata"]["name"] == pod:
                return str(thing["metadata"]["labels"]["vm.kubevirt.io/name"])
        raise LookupError(f"{pod} is not in the recording {self.name}")
