"""libvirt's embedded driver, once for the process: it opens in one directory only and has one event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from virt_ipc.messages import DomainReport, Reason, Status


class Seen:
    """The reports of a hypervisor, and a way to wait for one."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.reports: list[DomainReport] = []

    def __call__(self, report: DomainReport) -> None:
        with self._news:
            self.reports.append(report)
            self._news.notify_all()

    def wait(self, status: Status, reason: Reason) -> None:
        self.wait_until(lambda report: (report.status, report.reason) == (status, reason))

    def wait_until(self, holds: Callable[[DomainReport], bool]) -> None:
        """Until it holds of the latest report."""
        deadline = time.monotonic() + 60
        with self._news:
            while not holds(self.reports[-1]):
                assert self._news.wait(deadline - time.monotonic()), self.reports


class Embedded(NamedTuple):
    """An open driver."""

    uri: str
    hypervisor: Any
    seen: Seen
    qemu_events: str
    """Where its guests may have a second monitor."""


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The driver; tests that ask for it are skipped where there is no libvirt."""
    pytest.importorskip("libvirt")
    from virt_launcher.adapters.embed_root import EmbedRoot
    from virt_launcher.adapters.hypervisor import Hypervisor

    root = EmbedRoot(str(tmp_path_factory.mktemp("e")))
    root.prepare()
    seen = Seen()
    events = f"{root.path}/events"
    hypervisor = Hypervisor(root.uri, events, seen)
    yield Embedded(root.uri, hypervisor, seen, events)
    hypervisor.kill()
