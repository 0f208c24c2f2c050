"""Who may run a guest, read from a VMI."""

from __future__ import annotations

from typing import Any

import pytest

from virt_model import names
from virt_model.runner import ANNOTATION, FIRST, Runner, runner_of


def vmi(annotation: str | None = None) -> dict[str, Any]:
    annotations = {} if annotation is None else {ANNOTATION: annotation}
    return {"metadata": {"namespace": "ns", "name": "a", "uid": "vmi-uid", "annotations": annotations}}


def pod(uid: str, name: str = "other", namespace: str = "ns") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "uid": uid}}


def test_a_vmi_that_never_moved_runs_in_the_pod_named_after_it() -> None:
    own = names.launcher_pod_name("a", "vmi-uid")
    assert runner_of(vmi()) == FIRST
    assert FIRST.is_pod(vmi(), pod("any", own))
    assert not FIRST.is_pod(vmi(), pod("any"))
    assert not FIRST.is_pod(vmi(), pod("any", own, "elsewhere"))


def test_a_hand_over_names_the_next_pod_in_the_next_epoch() -> None:
    moved = vmi(FIRST.handed_to("pod-2").annotation())
    assert runner_of(moved) == Runner(2, "pod-2")
    assert runner_of(moved).is_pod(moved, pod("pod-2"))
    assert not runner_of(moved).is_pod(moved, pod("pod-1", names.launcher_pod_name("a", "vmi-uid")))


@pytest.mark.parametrize("text", ["", "x", "0:pod", "1:", "-1:pod", "1:pod\n", "01:pod", "٣:pod"])
def test_a_word_that_is_not_understood_lets_nobody_run(text: str) -> None:
    unreadable = vmi(text)
    assert not runner_of(unreadable).is_pod(unreadable, pod("pod", names.launcher_pod_name("a", "vmi-uid")))
