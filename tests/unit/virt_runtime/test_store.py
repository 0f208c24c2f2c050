"""What is known of an object when a write's answer and the watch tell of it in either order."""

from __future__ import annotations

from virt_runtime.resources import Json
from virt_runtime.store import Store


def state(version: int, **status: str) -> Json:
    return {"metadata": {"name": "a", "namespace": "ns", "resourceVersion": str(version)}, "status": status}


def test_an_answer_is_known_before_the_watch_tells() -> None:
    store = Store()
    store.put_answer(state(9))
    store.put_answer(state(10))
    assert store.get("ns/a") == state(10)


def test_an_answer_that_comes_late_hides_nothing_that_the_watch_has_told() -> None:
    store = Store()
    store.put(state(10, phase="seen"))
    store.put_answer(state(9))
    assert store.get("ns/a") == state(10, phase="seen")
