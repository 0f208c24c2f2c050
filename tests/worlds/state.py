"""A cluster small enough to be explored whole, as an immutable value.

Objects are interned: an object is (number of its body, version), so a state is a short tuple of numbers. Versions only
matter by being equal or not; `key` ranks them, so that two ways to the same state meet.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

Json = dict[str, Any]
Which = Literal["vm", "vmi"]


class Obj(NamedTuple):
    """An object as stored once: its interned body (without resourceVersion) and its version."""

    body: int
    version: int


class Seen(NamedTuple):
    """What a controller has in hand: the objects as some moment showed them."""

    vm: Obj | None
    vmi: Obj | None
    pods: tuple[Obj, ...]


class Pass(NamedTuple):
    """A controller in the middle of its work: what it knows, and how it knows it.

    A state holds only passes that are about to create or delete something they decided in a live world: there the time
    between look and write counts. Every other write is refused, or the same, however late it comes.
    """

    seen: Seen
    live: bool = False
    revisions: tuple[str, ...] = ()
    revision_asked: bool = False


class Budget(NamedTuple):
    """What may still happen from outside."""

    user: tuple[str, ...] = ()  # each of these once, in any order
    calls: tuple[str, ...] = ()  # through virt-api, each once, in any order and at the same time
    guest_ends: int = 0  # times a guest powers off or crashes by itself
    pod_fails: int = 0  # times a pod ends before its guest runs
    stale: int = 0  # looks at a cache that has stopped following; it may have stopped at any time, once
    takeovers: int = 0  # times a leader is replaced in the middle of a pass, and finishes it later all the same


class Started(NamedTuple):
    """A VMI whose UID has at least the number `made`."""

    made: int
    paused: bool = False


class Ended(NamedTuple):
    uid: str


class Hastened(NamedTuple):
    uid: str
    seconds: int


class Left(NamedTuple):
    """The VMI outlives its VM."""

    uid: str


Owed = Started | Ended | Hastened | Left


class Call(NamedTuple):
    """A call that virt-api has begun. `vm` and `vmi` are the bodies that it has read."""

    said: str
    vm: int
    made: int  # UIDs given out when it was read
    known: tuple[Started, ...]  # what was owed then
    vmi: int | None = None
    decided: bool = False
    done: int = 0  # writes
    failed: bool = False  # it takes its writes back


class State(NamedTuple):
    vm: Obj | None
    vmi: Obj | None
    pods: tuple[Obj, ...]
    revisions: tuple[str, ...]
    uids: int
    hours: int  # what the clock shows: it moves only when everybody waits
    vm_pass: Pass | None
    vmi_pass: Pass | None
    zombie: tuple[Which, Pass] | None
    frozen: Seen | None
    budget: Budget
    calls: tuple[Call, ...] = ()
    owed: tuple[Owed, ...] = ()

    @property
    def seen(self) -> Seen:
        return Seen(self.vm, self.vmi, self.pods)


class Bodies:
    """The interned bodies."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder(order="sorted")
        self._numbers: dict[bytes, int] = {}
        self._bodies: list[Json] = []

    def number(self, body: Json) -> int:
        encoded = self._encoder.encode(body)
        found = self._numbers.get(encoded)
        if found is None:
            found = self._numbers[encoded] = len(self._bodies)
            self._bodies.append(msgspec.json.decode(encoded))
        return found

    def __getitem__(self, number: int) -> Json:
        return self._bodies[number]


def objects(seen: Seen) -> list[Obj]:
    return [obj for obj in (seen.vm, seen.vmi, *seen.pods) if obj is not None]


def key(state: State) -> State:
    """The state with its versions replaced by their ranks."""
    in_hand = [state.seen]
    for each in (state.vm_pass, state.vmi_pass, state.zombie[1] if state.zombie is not None else None):
        if each is not None:
            in_hand.append(each.seen)
    if state.frozen is not None:
        in_hand.append(state.frozen)
    versions = {obj.version for seen in in_hand for obj in objects(seen)}
    if not versions or max(versions) == len(versions) - 1:
        return state  # they are ranks
    rank = {version: index for index, version in enumerate(sorted(versions))}

    def one(obj: Obj | None) -> Obj | None:
        return None if obj is None else Obj(obj.body, rank[obj.version])

    def all_(seen: Seen) -> Seen:
        return Seen(one(seen.vm), one(seen.vmi), tuple(Obj(pod.body, rank[pod.version]) for pod in seen.pods))

    def passing(each: Pass | None) -> Pass | None:
        return None if each is None else each._replace(seen=all_(each.seen))

    now = all_(state.seen)
    undead = passing(state.zombie[1]) if state.zombie is not None else None
    return state._replace(
        vm=now.vm,
        vmi=now.vmi,
        pods=now.pods,
        vm_pass=passing(state.vm_pass),
        vmi_pass=passing(state.vmi_pass),
        zombie=(state.zombie[0], undead) if state.zombie is not None and undead is not None else None,
        frozen=None if state.frozen is None else all_(state.frozen),
    )
