"""The echo of our own writes, under every order in which the API's answer and the watch may arrive."""

from __future__ import annotations

from typing import Any, cast

from virt_controller.adapters.echo import Echo
from virt_runtime.reflector import Reflector, Subscriber
from virt_runtime.store import Store

Json = dict[str, Any]


class Watch:
    """A reflector's two faces: the store, and who is told."""

    def __init__(self) -> None:
        self.store = Store()
        self._tell: list[Subscriber] = []

    def subscribe(self, fn: Subscriber) -> None:
        self._tell.append(fn)

    def shows(self, obj: Json) -> None:
        old = self.store.put(obj)
        for tell in self._tell:
            tell(old, obj)

    def shows_end(self, key: str) -> None:
        old = self.store.drop(key)
        for tell in self._tell:
            tell(old, None)


def _echo() -> tuple[Echo, Watch]:
    watch = Watch()
    return Echo(cast(Reflector, watch)), watch


def _obj(version: int, uid: str = "u", **metadata: Any) -> Json:
    return {
        "kind": "X",
        "metadata": {"name": "a", "namespace": "n", "uid": uid, "resourceVersion": str(version), **metadata},
    }


def _version(obj: Json | None) -> str | None:
    return obj["metadata"]["resourceVersion"] if obj else None


def test_our_write_is_shown_until_the_watch_is_as_new() -> None:
    echo, watch = _echo()
    watch.shows(_obj(1))
    echo.note(_obj(3))
    assert _version(echo.get("n/a")) == "3"
    watch.shows(_obj(2))
    assert _version(echo.get("n/a")) == "3"
    watch.shows(_obj(4))
    assert _version(echo.get("n/a")) == "4"


def test_what_we_made_is_there_before_the_watch_shows_it() -> None:
    echo, _ = _echo()
    echo.note(_obj(1))
    assert _version(echo.get("n/a")) == "1"


def test_no_ghost_when_the_watch_shows_the_end_before_the_answer_arrives() -> None:
    echo, watch = _echo()
    watch.shows(_obj(1))
    watch.shows_end("n/a")
    echo.note(_obj(2))
    assert echo.get("n/a") is None


def test_an_object_that_loses_its_last_finalizer_is_gone() -> None:
    echo, watch = _echo()
    watch.shows(_obj(1, finalizers=["f"], deletionTimestamp="t"))
    echo.note(_obj(2, finalizers=[], deletionTimestamp="t"))
    assert echo.get("n/a") is None
    watch.shows_end("n/a")
    watch.shows(_obj(5, uid="successor"))
    assert _version(echo.get("n/a")) == "5"


def test_a_deleted_object_stays_away_though_the_store_still_has_it() -> None:
    echo, watch = _echo()
    watch.shows(_obj(1))
    echo.note_gone("n/a", "u")
    watch.shows(_obj(2))
    assert echo.get("n/a") is None
    watch.shows(_obj(3, uid="successor"))
    assert _version(echo.get("n/a")) == "3"


def test_made_pods_are_found_by_their_keys() -> None:
    echo, watch = _echo()
    watch.store.add_index("by", lambda obj: ("value",))
    echo.note(_obj(1))
    assert [_version(obj) for obj in echo.by_index("by", "value", ("n/a",))] == ["1"]
