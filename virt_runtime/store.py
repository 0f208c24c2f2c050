"""What a reflector last saw of one resource, by key and by index. Objects in it are shared: never change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from .resources import Json

IndexFn = Callable[[Json], Iterable[str]]
Objects = list[Json]


def key_of(obj: Json) -> str:
    """ "namespace/name", or "name" for a cluster-wide object."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def split_key(key: str) -> tuple[str | None, str]:
    """(namespace or None, name) of a key."""
    namespace, slash, name = key.rpartition("/")
    return (namespace if slash else None), name


def newest(seen: Json | None, answered: Json | None) -> Json | None:
    """Of two states of one object the later; resourceVersions of one resource grow."""
    if seen is None or answered is None:
        return seen or answered
    later = int(answered["metadata"]["resourceVersion"]) > int(seen["metadata"]["resourceVersion"])
    return answered if later else seen


class Store:
    def __init__(self) -> None:
        self._objects: dict[str, Json] = {}
        self._index_fns: dict[str, IndexFn] = {}
        self._indexes: dict[str, dict[str, set[str]]] = {}
        self.synced = asyncio.Event()

    def add_index(self, name: str, fn: IndexFn) -> None:
        """`fn` gives the values under which an object is found by `by_index(name, value)`."""
        self._index_fns[name] = fn
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._enter(name, key, obj)

    def get(self, key: str) -> Json | None:
        return self._objects.get(key)

    def list(self) -> Objects:
        return [*self._objects.values()]

    def keys(self) -> set[str]:
        return set(self._objects)

    def by_index(self, name: str, value: str) -> Objects:
        return [self._objects[key] for key in sorted(self._indexes[name].get(value, ()))]

    def put(self, obj: Json) -> Json | None:
        """Remember `obj`; gives what was there before."""
        key = key_of(obj)
        old = self.drop(key)
        self._objects[key] = obj
        for name in self._index_fns:
            self._enter(name, key, obj)
        return old

    def put_answer(self, answered: Json) -> None:
        """Remember what a write answered, unless the watch has told of a later state before the answer came."""
        if newest(self.get(key_of(answered)), answered) is answered:
            self.put(answered)

    def drop(self, key: str) -> Json | None:
        old = self._objects.pop(key, None)
        if old is not None:
            for name, fn in self._index_fns.items():
                for value in fn(old):
                    self._leave(self._indexes[name], value, key)
        return old

    def _enter(self, name: str, key: str, obj: Json) -> None:
        for value in self._index_fns[name](obj):
            self._indexes[name].setdefault(value, set()).add(key)

    @staticmethod
    def _leave(index: dict[str, set[str]], value: str, key: str) -> None:
        keys = index.get(value, set())
        keys.discard(key)
        if not keys:
            index.pop(value, None)
