"""A pod, the network outside it, and a guest on its tap: real network namespaces that vanish with their descriptors."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pyroute2 import IPRoute

from virt_handler.adapters.netns import _LIBC, enter

Result = TypeVar("Result")
POD_MAC = "0a:58:0a:f4:01:07"


def inside(namespace: int, work: Callable[[], Result]) -> Result:
    """`work()` on a thread inside the namespace."""
    box: list[Any] = []

    def thread() -> None:
        enter(namespace)
        try:
            box.append((work(), None))
        except BaseException as error:  # carried to the test
            box.append((None, error))

    runner = threading.Thread(target=thread)
    runner.start()
    runner.join()
    result, error = box[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def new_namespace() -> int:
    box: list[int] = []

    def thread() -> None:
        assert _LIBC.unshare(0x40000000) == 0
        box.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        with IPRoute() as net:
            net.link("set", index=1, state="up")

    runner = threading.Thread(target=thread)
    runner.start()
    runner.join()
    return box[0]


def connect_pod(outside: int, pod: int, ipv6: bool = False) -> None:
    """A veth pair: `out0` 10.244.1.1 outside, `eth0` 10.244.1.7 with a default route in the pod, MTU 1450."""

    def make() -> None:
        with IPRoute() as net:
            peer = {"ifname": "eth0", "address": POD_MAC, "net_ns_fd": pod}
            net.link("add", ifname="out0", kind="veth", peer=peer)
            index = net.link_lookup(ifname="out0")[0]
            net.addr("add", index=index, address="10.244.1.1", prefixlen=24)
            if ipv6:
                net.addr("add", index=index, address="fd00:244::1", prefixlen=64, flags=0x02)
            net.link("set", index=index, mtu=1450, state="up")

    def finish() -> None:
        with IPRoute() as net:
            index = net.link_lookup(ifname="eth0")[0]
            net.addr("add", index=index, address="10.244.1.7", prefixlen=24)
            net.link("set", index=index, mtu=1450, state="up")
            net.route("add", dst="0.0.0.0/0", gateway="10.244.1.1")
            if ipv6:
                net.addr("add", index=index, address="fd00:244::7", prefixlen=64, flags=0x02)
                net.route("add", dst="default", gateway="fd00:244::1", family=10)

    inside(outside, make)
    inside(pod, finish)


class Guest:
    """QEMU and a guest, as the network sees them: a frame pump between the pod's tap and `g0` in a third namespace."""

    def __init__(self, pod: int, tap: str, mac: str) -> None:
        self.namespace = new_namespace()
        self._pod_end = inside(pod, lambda: _open_tap(tap))
        self._guest_end = inside(self.namespace, lambda: _open_tap("g0"))
        self._stop_read, self._stop_write = os.pipe()
        inside(self.namespace, lambda: _up("g0", mac))
        self._pump = threading.Thread(target=self._run, daemon=True)
        self._pump.start()

    def _run(self) -> None:
        ends = {self._pod_end: self._guest_end, self._guest_end: self._pod_end}
        while True:
            ready, _, _ = select.select([*ends, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            for end in ready:
                os.write(ends[end], os.read(end, 65536))

    def run(self, *command: str, timeout: float = 10.0) -> subprocess.CompletedProcess[str]:
        """A process in the guest's network."""
        path = f"/proc/{os.getpid()}/fd/{self.namespace}"
        return subprocess.run(
            ["nsenter", f"--net={path}", *command], capture_output=True, text=True, timeout=timeout, check=False
        )

    def close(self) -> None:
        os.write(self._stop_write, b"x")
        self._pump.join()
        for each in (self._pod_end, self._guest_end, self._stop_read, self._stop_write, self.namespace):
            os.close(each)


def _open_tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))  # TAP, no packet information
    return descriptor


def _up(name: str, mac: str) -> None:
    with IPRoute() as net:
        index = net.link_lookup(ifname=name)[0]
        net.link("set", index=index, address=mac)
        net.link("set", index=index, mtu=1450, state="up")
