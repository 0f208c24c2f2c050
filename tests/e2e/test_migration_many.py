"""Many migrations: one guest that goes to and fro for long, and many guests at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.counting import COUNTING, OVER, Counting, counting, explained, listening
from tests.e2e.harness.guests import vm
from tests.e2e.harness.nodes import drain
from tests.e2e.harness.watching import MIGRATIONS, Watching

ROUND_TRIPS = 50
CROWD, DRAINED = 5, 6
OUTBOUND = 2
"""How many may leave a node at once."""
COUNTERS = """#!/bin/sh
disk=$(for each in /sys/block/vd*; do [ $(cat $each/size) = 131072 ] && echo /dev/${each##*/}; done)
head -c 1000000 /dev/urandom > /run/noise
dd if=/run/noise of=$disk bs=1M seek=1 conv=fsync 2>/dev/null
cat > /run/books <<END
echo 3 > /proc/sys/vm/drop_caches
written=\\$(head -c 512 $disk | cut -d' ' -f1)
kept=\\$(tail -c +1048577 $disk | head -c 1000000 | md5sum | cut -c1-32)
echo "books \\$written \\$(cat /run/count) \\$kept \\$(md5sum /run/noise | cut -c1-32)."
END
(n=0; while :; do
n=$((n+1))
echo $n > /run/count
printf '%-512s' $n | dd of=$disk bs=512 conv=fsync 2>/dev/null
echo tick $n > /dev/ttyS0
sleep 0.3
done) &
"""
"""Counts in memory, on its disk of 64 MiB, and aloud; noise is in both too. `sh /run/books` tells what there is."""


def _with_an_empty_disk(machine: Object) -> None:
    spec = machine["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": "book", "disk": {"bus": "virtio"}})
    spec["volumes"].append({"name": "book", "emptyDisk": {"capacity": "64Mi"}})


@pytest.fixture
def traveller(cluster: Cluster) -> Iterator[Counting]:
    with counting(cluster, "round-trips", _with_an_empty_disk, user_data=COUNTERS) as found:
        yield found


class Books:
    """What the guest has counted and kept, read at its console; neither memory nor disk ever goes back."""

    def __init__(self, guest: Counting) -> None:
        self._guest, self._disk, self._memory, self._noise = guest, 0, 0, ""
        with Console(guest.cluster, guest.namespace, guest.name) as console:
            console.login()

    def balance(self) -> None:
        guest = self._guest
        with Console(guest.cluster, guest.namespace, guest.name) as console:
            console.send("sh /run/books")
            said = console.expect(r"books \d+ \d+ \w{32} \w{32}\.", 60)
        written, count, on_disk, in_memory = said.rstrip(".").split()[-4:]
        disk, memory = int(written), int(count)
        assert self._disk < disk and self._memory < memory and self._memory - 1 <= disk <= memory, (vars(self), said)
        assert on_disk == in_memory == (self._noise or in_memory), (self._noise, said)
        self._disk, self._memory, self._noise = disk, memory, in_memory


def test_a_round_trip_with_memory_and_disk(cluster: Cluster, traveller: Counting) -> None:
    goes_round(traveller, 1)


@pytest.mark.long
def test_fifty_round_trips_with_memory_and_disk(cluster: Cluster, traveller: Counting) -> None:
    goes_round(traveller, ROUND_TRIPS)


def goes_round(guest: Counting, times: int) -> None:
    with explained(guest):
        uid = guest.counts_on()
        home = guest.vmi["status"]["nodeName"]
        books = Books(guest)
        books.balance()
        for trip in range(times):
            for _ in ("there", "back"):
                done = guest.over(guest.migrate())["status"]
                assert done["phase"] == "Succeeded", (trip, done)
                guest.counts_on_alone(uid)
                books.balance()
                guest.nothing_left()
            assert guest.vmi["status"]["nodeName"] == home


@pytest.mark.long
def test_five_at_once(cluster: Cluster, namespace: str) -> None:
    """More leave one node than may: the limits hold at every moment, and all arrive."""
    guests = [Counting(cluster, namespace, f"one-of-{CROWD}-{number}") for number in range(CROWD)]
    cluster.create(*(together(guest) for guest in guests))
    uids = {guest.name: guest.counts_on(seconds=300) for guest in guests}
    (home,) = {guest.vmi["status"]["nodeName"] for guest in guests}
    with Watching(cluster, namespace, MIGRATIONS) as watching:
        names = [guest.migrate() for guest in guests]
        for guest, name in zip(guests, names, strict=True):
            assert guest.over(name, 400)["status"]["phase"] == "Succeeded"
        seen = list(watching.events)
    assert max(at_once(seen)) == OUTBOUND, at_once(seen)
    for guest in guests:
        assert guest.vmi["status"]["nodeName"] != home
        guest.counts_on_alone(uids[guest.name])
        guest.nothing_left()
    assert not listening(cluster)


@pytest.mark.long
def test_six_are_drained(cluster: Cluster, namespace: str) -> None:
    """`kubectl drain` ends when all have moved, within the limits, and none was disturbed."""
    guests = [Counting(cluster, namespace, f"drained-{number}") for number in range(DRAINED)]
    cluster.create(*(together(guest, evictionStrategy="LiveMigrate") for guest in guests))
    uids = {guest.name: guest.counts_on(seconds=300) for guest in guests}
    (home,) = {guest.vmi["status"]["nodeName"] for guest in guests}
    with Watching(cluster, namespace, MIGRATIONS) as watching:
        try:
            done = drain(cluster, home, 400, *(guest.name for guest in guests))
        finally:
            cluster.kubectl("uncordon", home)
        seen = list(watching.events)
    assert done.code == 0, done.err
    assert max(at_once(seen)) == OUTBOUND, at_once(seen)
    for guest in guests:
        assert guest.vmi["status"]["nodeName"] != home
        guest.counts_on_alone(uids[guest.name])
        guest.nothing_left()


def together(guest: Counting, **fields: str) -> Object:
    """Prefers the node of the others, so that all leave the same one."""
    machine = vm(guest.name, guest.namespace, user_data=COUNTING, memory="96Mi", grace=0)
    there = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node2"]}]}
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": there}]}
    machine["spec"]["template"]["spec"] |= {"affinity": {"nodeAffinity": affinity}, **fields}
    return machine


def at_once(events: list[Object]) -> list[int]:
    """How many migrations were under way, after each change that was seen."""
    phases: dict[str, str] = {}
    counts = []
    for event in events:
        thing = event["object"]
        if thing["kind"] == "VirtualMachineInstanceMigration":
            phases[thing["metadata"]["name"]] = (thing.get("status") or {}).get("phase") or ""
            counted = Counter(phase not in ("", "Pending", *OVER) for phase in phases.values())
            counts.append(counted[True])
    return counts
