"""What must outlive the agent: one small file per VMI of which it has set up anything on this node.

The file is written before the work is begun, so that a restarted agent knows what may have been done, and how it was
to be done: the wirings in it are what the pod looked like before bridge binding moved its address away. They live
below /var/run, which a reboot empties together with everything they describe.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from virt_handler.plan.network import Wiring


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`socketFile` and the names are for people who look for orphans, and for tools that know KubeVirt's records."""

    name: str
    namespace: str
    uid: str
    socketFile: str
    pod_uid: str
    wirings: tuple[Wiring, ...] = ()
    network_done: bool = False


class Records:
    """A directory of records by VMI UID."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def uids(self) -> list[str]:
        return sorted(path.name for path in self._directory.iterdir() if not path.name.startswith("."))

    def read(self, uid: str) -> Record | None:
        """None where there is none, or one that this version cannot read."""
        try:
            return msgspec.json.decode((self._directory / uid).read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def write(self, record: Record) -> None:
        fresh = self._directory / f".{record.uid}.new"
        fresh.write_bytes(msgspec.json.encode(record))
        os.replace(fresh, self._directory / record.uid)

    def remove(self, uid: str) -> None:
        (self._directory / uid).unlink(missing_ok=True)


def changed(record: Record, **fields: Any) -> Record:
    return msgspec.structs.replace(record, **fields)
