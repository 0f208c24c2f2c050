"""Our own writes, remembered until the watch shows them.

A pass that begins before the watch has caught up would plan on old objects: safe, because every write carries its
precondition, but each such write is one for nothing. The echo lays what the API answered over the store, and forgets it
as soon as the store is as new.
"""

from __future__ import annotations

from collections import OrderedDict

from virt_runtime.reflector import Reflector
from virt_runtime.resources import Json
from virt_runtime.store import Store, key_of

_ENDED_KEPT = 4096


class Echo:
    """A store that never shows less than we know."""

    def __init__(self, reflector: Reflector) -> None:
        self._store: Store = reflector.store
        self._known: dict[str, Json] = {}
        self._gone_uids: dict[str, str] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()  # UIDs whose end the watch has shown
        reflector.subscribe(self._seen)

    def get(self, key: str) -> Json | None:
        stored = self._store.get(key)
        if stored is not None and self._gone_uids.get(key) == _uid(stored):
            return None
        known = self._known.get(key)
        return known if known is not None and (stored is None or _newer(known, stored)) else stored

    def by_index(self, index: str, value: str, keys: tuple[str, ...] = ()) -> list[Json]:
        """Objects of an index, and those of `keys` that we made and the store does not show yet."""
        found = {key_of(obj) for obj in self._store.by_index(index, value)} | set(keys)
        return [obj for key in sorted(found) if (obj := self.get(key)) is not None]

    def note(self, obj: Json) -> None:
        """The API answered `obj` to a write of ours. The watch may have been faster, even with its end."""
        metadata = obj["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and obj.get("kind") != "Pod":
            self.note_gone(key_of(obj), _uid(obj))
        elif _uid(obj) not in self._ended:
            self._known[key_of(obj)] = obj

    def note_gone(self, key: str, uid: str) -> None:
        self._known.pop(key, None)
        if uid not in self._ended:
            self._gone_uids[key] = uid

    def _seen(self, old: Json | None, new: Json | None) -> None:
        if new is None:
            assert old is not None
            self._end(key_of(old), _uid(old))
            return
        key = key_of(new)
        if self._gone_uids.get(key, _uid(new)) != _uid(new):
            self._gone_uids.pop(key)
        known = self._known.get(key)
        if known is not None and not _newer(known, new):
            self._known.pop(key)

    def _end(self, key: str, uid: str) -> None:
        self._known.pop(key, None)
        self._gone_uids.pop(key, None)
        self._ended[uid] = None
        while len(self._ended) > _ENDED_KEPT:
            self._ended.popitem(last=False)


def _uid(obj: Json) -> str:
    return str(obj["metadata"].get("uid", ""))


def _newer(one: Json, other: Json) -> bool:
    """Resource versions of one resource are whole numbers that grow; should they not be, the store is right."""
    left, right = one["metadata"].get("resourceVersion", ""), other["metadata"].get("resourceVersion", "")
    return bool(left.isdecimal() and right.isdecimal() and int(left) > int(right))
