"""A launcher without QEMU, as a process in a network namespace of its own: `python fake_launcher.py SOCKET_DIR`.

Its guest starts at once and obeys ACPI, unless `deaf` is the second argument.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import msgspec
from pyroute2 import IPRoute

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import (
    CapabilityCache,
    DiskReport,
    DomainReport,
    DomainStats,
    Empty,
    HelloReply,
    HelloRequest,
    InterfaceReport,
    Reason,
    Status,
    SyncRequest,
    WindRequest,
)
from virt_ipc.server import Newest, serve


class FakeLauncher:
    def __init__(self, deaf: bool) -> None:
        self.reports = Newest(DomainReport())
        self.over = threading.Event()
        self._deaf = deaf

    def hello(self, _request: HelloRequest) -> HelloReply:
        return HelloReply(version="fake", name="", namespace="", uid="")

    def sync(self, request: SyncRequest) -> DomainReport:
        if self.reports.report.status is Status.ABSENT:
            if b'"broken"' in request.vmi:
                raise LauncherRefused("the image has no disk")
            nics = [InterfaceReport(name=each.name, mac=each.mac) for each in request.options.interfaces]
            self.reports.publish(
                DomainReport(
                    status=Status.RUNNING, reason=Reason.BOOTED, machine_type="pc-q35-11.1", interfaces=nics,
                    disks=[DiskReport(name="root", target="vda", bus="virtio")],
                    guarded=self.reports.report.guarded,
                )
            )  # fmt: skip
        return self.reports.report

    def wind(self, request: WindRequest) -> Empty:
        self.reports.publish(msgspec.structs.replace(self.reports.report, guarded=True))
        return Empty()

    def shutdown(self, _request: Empty) -> Empty:
        if not self._deaf:
            self._end(Reason.SHUTDOWN)
        return Empty()

    def kill(self, _request: Empty) -> Empty:
        self._end(Reason.DESTROYED)
        return Empty()

    def pause(self, _request: Empty) -> Empty:
        self.reports.publish(msgspec.structs.replace(self.reports.report, status=Status.PAUSED, reason=Reason.USER))
        return Empty()

    def unpause(self, _request: Empty) -> Empty:
        self.reports.publish(
            msgspec.structs.replace(self.reports.report, status=Status.RUNNING, reason=Reason.UNPAUSED)
        )
        return Empty()

    def reset(self, _request: Empty) -> Empty:
        raise LauncherRefused("libvirt: the button is stuck")

    def _end(self, reason: Reason) -> None:
        if self.reports.report.status is Status.RUNNING:
            self.reports.publish(DomainReport(status=Status.SHUTOFF, reason=reason))

    def delete(self, _request: Empty) -> Empty:
        if self.reports.report.status is Status.RUNNING:
            raise LauncherRefused("the guest runs")
        threading.Timer(0.05, self.over.set).start()
        return Empty()

    def capability_cache(self, _request: Empty) -> CapabilityCache:
        return CapabilityCache()

    def stats(self, _request: Empty) -> DomainStats:
        if self.reports.report.status is not Status.RUNNING:
            raise LauncherRefused("no guest runs")
        return DomainStats(values={"cpu.time": 2_000_000_000, "net.0.rx.bytes": 5}, devices={"net.0": "default"})

    def __getattr__(self, name: str) -> Any:
        return lambda _request: Empty()


def main() -> None:
    with IPRoute() as net:
        net.link("add", ifname="eth0", kind="bridge", address="0a:58:0a:f4:01:07")
        index = net.link_lookup(ifname="eth0")[0]
        net.addr("add", index=index, address="10.244.1.7", prefixlen=24)
        net.link("set", index=index, mtu=1450, state="up")
    launcher = FakeLauncher(deaf=sys.argv[2:] == ["deaf"])
    server = serve(launcher, launcher.reports, sys.argv[1])
    launcher.over.wait()
    server.stop(0.5)


if __name__ == "__main__":
    main()
