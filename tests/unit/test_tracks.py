"""The comparison of two clusters, which the replay of recorded scenarios stands on: it sees what differs."""

from typing import Any

from tests.e2e.harness.tracks import Gap, Track, Tracks, gaps, tracks

Json = dict[str, Any]
UID = "0cb5001c-e593-4b98-918f-42502852763e"


def vmi(phase: str, *conditions: Json, type_: str = "MODIFIED", **metadata: str) -> Json:
    thing = {"kind": "VirtualMachineInstance", "metadata": {"name": "a", **metadata}}
    return {"type": type_, "object": {**thing, "status": {"phase": phase, "conditions": list(conditions)}}}


def event(reason: str, message: str, count: int = 1) -> Json:
    about = {"kind": "VirtualMachineInstance", "name": "a", "uid": UID}
    source = {"component": "virt-handler"}
    thing = {"kind": "Event", "involvedObject": about, "source": source, "type": "Normal", "reason": reason}
    return {"type": "ADDED" if count == 1 else "MODIFIED", "object": {**thing, "message": message, "count": count}}


def of(found: Tracks, aspect: str) -> list[str]:
    return found[Track("VirtualMachineInstance", "a", aspect)]


def test_a_life_in_short() -> None:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Why",
        "message": f"in here-1: pod virt-launcher-a-b2c3d of {UID}",
    }
    found = tracks(
        [
            vmi("Pending"),
            vmi("Running", ready),
            vmi("Running", ready),
            event("Started", "on"),
            event("Started", "on", count=2),
            vmi("Running", deletionTimestamp="x"),
            vmi("Running", type_="DELETED"),
        ],
        "here-1",
    )
    assert of(found, "phase") == ["Pending", "Running", "Running†", "gone"]
    assert of(found, "condition Ready") == ["False Why: in <ns>: pod <pod> of <uid>", "absent"]
    assert of(found, "events virt-handler") == ["Normal Started: on"]


def test_each_entry_that_one_side_has_alone_is_a_gap() -> None:
    track = Track("VirtualMachine", "a", "printableStatus")
    theirs = {track: ["Stopped", "Starting", "Running", "Stopping", "Stopped"]}
    assert gaps(theirs, theirs) == []
    assert gaps(theirs, {track: ["Starting", "Paused", "Running", "Stopped"]}) == [
        Gap(track, "theirs", "Stopped"),
        Gap(track, "theirs", "Stopping"),
        Gap(track, "ours", "Paused"),
    ]
    assert len(gaps(theirs, {})) == 5
    swapped = gaps({track: ["a", "b"]}, {track: ["b", "a"]})
    assert {each.only for each in swapped} == {"theirs", "ours"}, "the order counts"
    told = Track("VirtualMachine", "a", "events virt-handler")
    assert [each.only for each in gaps({told: ["a", "b"]}, {told: ["b", "a"]})] == ["moved"]
    assert [each.only for each in gaps({told: ["a", "b"]}, {told: ["b"]})] == ["theirs"]
    assert [each.only for each in gaps({told: ["a", "b"], track: ["a"]}, {told: ["b", "a"], track: ["a"]})] == ["moved"]


def migration(name: str, phase: str, type_: str = "MODIFIED", **state: Any) -> Json:
    thing = {"kind": "VirtualMachineInstanceMigration", "metadata": {"name": name}}
    return {"type": type_, "object": {**thing, "status": {"phase": phase, "migrationState": state}}}


def test_of_a_migration_is_kept_how_it_went_once_it_is_over() -> None:
    found = tracks(
        [
            migration("kubevirt-migrate-vm-x7k2p", "Running", sourcePod="a", completed=False),
            migration("kubevirt-migrate-vm-x7k2p", "Succeeded", sourcePod="b", completed=True, mode="PreCopy"),
        ],
        "here-1",
    )
    assert {track.aspect: line for track, line in found.items()} == {
        "phase": ["Running", "Succeeded"],
        "how sourcePod": ["there"],
        "how completed": ["true"],
        "how mode": ['"PreCopy"'],
    }
    assert {track.name for track in found} == {"<migration>"}
