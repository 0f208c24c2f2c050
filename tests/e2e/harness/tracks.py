"""What a person sees of VMs, VMIs and migrations over time, as short sequences that two clusters can be compared by.

A *track* is one aspect of one object: its phase, one condition, the events that one component tells about it. An entry
is a line of text in which uids, pod names, namespaces and the like no longer say which cluster it was.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

Json = dict[str, Any]

VM, VMI, MIGRATION = "VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration"
_SHOWN = {VM: "printableStatus", VMI: "phase", MIGRATION: "phase"}
_VARYING = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>"),
    (r"virt-launcher-[a-z0-9.-]*[a-z0-9]", "<pod>"),
    (r"\[::1\]:\d+|\d+\.\d+\.\d+\.\d+:\d+", "<address>"),
    (r"listening at \S+, on ports: [\d,]+", "listening at <address>, on ports: <ports>"),
    (r"kubevirt-(evacuation|migrate-vm|workload-update)-\w+", "<migration>"),
    (r"to node node\d", "to node <node>"),
)
_COMPARED = ("mode", "migrationConfiguration")  # of a migrationState; the rest are names, addresses and moments
GONE = "gone"
ABSENT = "absent"


@dataclass(frozen=True)
class Track:
    """`aspect`: `phase`, `printableStatus`, `condition TYPE`, `created`, `ready`, `events COMPONENT`, `how FIELD` of a
    migration that is over.
    """

    kind: str
    name: str
    aspect: str

    @property
    def is_claim(self) -> bool:
        return self.aspect.startswith("condition ")

    @property
    def is_told(self) -> bool:
        return self.aspect.startswith("events ")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.aspect}"


Tracks = dict[Track, list[str]]


@dataclass(frozen=True)
class Gap:
    """An entry that one of two tracks has and the other has not at this place; an event that both have, but not in the
    same order, is `moved`.
    """

    track: Track
    only: str  # "theirs", "ours" or "moved"
    entry: str

    def __str__(self) -> str:
        if self.only == "moved":
            return f"{self.track}: not in this order: {self.entry}"
        return f"{self.track}: only {self.only}: {self.entry}"


def tracks(events: Iterable[Json], namespace: str) -> Tracks:
    """From watch events (`type`, `object`) of VMs, VMIs, migrations and Events in their order."""
    found: Tracks = {}
    told: set[tuple[str, ...]] = set()
    for event in events:
        thing = event["object"]
        if thing.get("kind") in _SHOWN:
            for track, entry in _looks(event, namespace, found):
                _append(found, track, entry)
        elif thing.get("kind") == "Event" and event["type"] != "DELETED":
            _tell(found, told, thing, namespace)
    return found


def shown(thing: Json | None, gone: bool = False) -> tuple[str, str]:
    """The word that stands for an object's state, and its Ready condition."""
    if thing is None or gone:
        return GONE, ABSENT
    status = thing.get("status") or {}
    word = str(status.get(_SHOWN[thing["kind"]]) or "")
    leaving = thing["kind"] in (VMI, MIGRATION) and "deletionTimestamp" in thing["metadata"]
    ready = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), None)
    return word + ("†" if leaving else ""), _claim(ready, "") if ready else ABSENT


def gaps(theirs: Tracks, ours: Tracks) -> list[Gap]:
    """Where the tracks differ, by the smallest number of entries."""
    found = []
    for track in sorted({*theirs, *ours}, key=str):
        left, right = theirs.get(track, []), ours.get(track, [])
        kept = _common(left, right)
        only_left = [entry for i, entry in enumerate(left) if i not in {a for a, _ in kept}]
        only_right = [entry for i, entry in enumerate(right) if i not in {b for _, b in kept}]
        moved = [entry for entry in only_left if track.is_told and entry in only_right]
        found += [Gap(track, "theirs", entry) for entry in only_left if entry not in moved]
        found += [Gap(track, "ours", entry) for entry in only_right if entry not in moved]
        found += [Gap(track, "moved", entry) for entry in moved]
    return found


def _common(left: list[str], right: list[str]) -> list[tuple[int, int]]:
    """Index pairs of a longest common subsequence."""
    rows, columns = len(left), len(right)
    longest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i, j in product(reversed(range(rows)), reversed(range(columns))):
        same = left[i] == right[j]
        longest[i][j] = longest[i + 1][j + 1] + 1 if same else max(longest[i + 1][j], longest[i][j + 1])
    found, i, j = [], 0, 0
    while i < rows and j < columns:
        if left[i] == right[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def plain(text: str, namespace: str) -> str:
    """`text` without what differs from one cluster, or one run, to the next."""
    text = text.replace(namespace, "<ns>")
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text)
    return text.strip()


def _looks(event: Json, namespace: str, found: Tracks) -> list[tuple[Track, str]]:
    thing = event["object"]
    kind, name, status = thing["kind"], plain(thing["metadata"]["name"], namespace), thing.get("status") or {}
    gone = event["type"] == "DELETED"
    looks = {_SHOWN[kind]: shown(thing, gone)[0]}
    if kind == VM and not gone:
        looks |= {field: str(bool(status.get(field))) for field in ("created", "ready")}
    looks |= {track.aspect: ABSENT for track in found if (track.kind, track.name) == (kind, name) and track.is_claim}
    if not gone:
        looks |= {f"condition {each['type']}": _claim(each, namespace) for each in status.get("conditions") or ()}
        looks |= _how_it_went(status.get("migrationState") or {})
    return [(Track(kind, name, aspect), entry) for aspect, entry in looks.items() if entry]


def _how_it_went(state: Json) -> dict[str, str]:
    """The fields of a `migrationState` that is completed: what they say where two clusters can say the same."""
    if not state.get("completed"):
        return {}
    return {f"how {field}": _said(field, value) for field, value in state.items()}


def _said(field: str, value: Any) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, bool) or field in _COMPARED else "there"


def _claim(condition: Json, namespace: str) -> str:
    said = [str(condition[key]) for key in ("reason", "message") if condition.get(key)]
    text = ": ".join(said)
    return f"{condition['status']} {plain(text, namespace) if namespace else text}".strip()


def _append(found: Tracks, track: Track, entry: str) -> None:
    line = found.setdefault(track, [])
    if not line or line[-1] != entry:
        line.append(entry)


def _tell(found: Tracks, told: set[tuple[str, ...]], event: Json, namespace: str) -> None:
    """Each event once for each object: its repeats raise a count, here as there."""
    about = event["involvedObject"]
    component = str((event.get("source") or {}).get("component") or event.get("reportingComponent") or "")
    once = (str(about.get("uid")), component, event["type"], event["reason"], event["message"])
    if about["kind"] not in _SHOWN or once in told:
        return
    told.add(once)
    entry = f"{event['type']} {event['reason']}: {plain(event['message'], namespace)}"
    found.setdefault(Track(about["kind"], plain(about["name"], namespace), f"events {component}"), []).append(entry)
