"""Lists of conditions are values: unchanged lists stay the same object, strangers stay in place."""

from __future__ import annotations

from virt_model.conditions import Condition, Stamp, Type, copy_in, drop, find, is_false, is_true, put, reason_of

OLD, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
READY = Condition(type=Type.READY, status="True")


def test_what_is_claimed_already_changes_nothing() -> None:
    found = put([], READY, OLD)
    assert put(found, READY, NOW) is found


def test_the_transition_time_moves_with_the_status_only() -> None:
    first = put([], Condition(type="X", status="False", reason="A"), OLD)
    same_status = put(first, Condition(type="X", status="False", reason="B"), NOW)
    assert find(same_status, "X") == {
        "type": "X",
        "status": "False",
        "reason": "B",
        "lastProbeTime": None,
        "lastTransitionTime": OLD,
    }
    other_status = put(same_status, Condition(type="X", status="True"), NOW)
    assert (find(other_status, "X") or {})["lastTransitionTime"] == NOW


def test_stamps() -> None:
    probed = find(put([], Condition(type="X", status="True", stamp=Stamp.PROBED), NOW), "X") or {}
    assert probed["lastProbeTime"] == probed["lastTransitionTime"] == NOW
    neither = find(put([], Condition(type="X", status="True", stamp=Stamp.NEITHER), NOW), "X") or {}
    assert neither["lastProbeTime"] is neither["lastTransitionTime"] is None


def test_strangers_keep_their_place_and_their_fields() -> None:
    stranger = {"type": "Foreign", "status": "Odd", "extra": 1}
    found = put([{"type": "X", "status": "False"}, stranger], Condition(type="X", status="True"), NOW)
    assert [each["type"] for each in found] == ["X", "Foreign"]
    assert found[1] is stranger


def test_drop() -> None:
    found = put(put([], READY, OLD), Condition(type=Type.PAUSED, status="True"), OLD)
    assert [each["type"] for each in drop(found, Type.PAUSED)] == ["Ready"]
    assert drop(found, Type.SYNCHRONIZED) is found


def test_copying_keeps_the_times_of_the_original() -> None:
    pods = {"type": "Ready", "status": "True", "lastTransitionTime": OLD}
    found = copy_in([], pods)
    assert find(found, "Ready") == {**pods, "lastProbeTime": None}
    assert copy_in(found, {**pods, "lastTransitionTime": NOW}) is found


def test_questions() -> None:
    found = put([], Condition(type="X", status="False", reason="Why"), NOW)
    assert is_false(found, "X") and not is_true(found, "X")
    assert reason_of(found, "X") == "Why"
    assert reason_of(found, "Y") == ""
    assert not is_false(found, "Y")
