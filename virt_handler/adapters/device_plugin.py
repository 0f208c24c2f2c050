"""Devices of the node as Kubernetes resources: `devices.kubevirt.io/kvm`, `tun` and `vhost-net`.

A device is not used up by a guest, so each resource offers a number of shares. A kubelet that starts removes every
plugin's socket and makes its own anew: that is the moment to serve and register again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio
from msgspec import Struct

from virt_handler.adapters.inotify import Watcher
from virt_handler.plan import device_messages as messages
from virt_model.devices import LAUNCHER_USER

LOG = logging.getLogger(__name__)
KUBELET_SOCKET = "kubelet.sock"
HOST_ROOT = "/proc/1/root"
"""With hostPID, the node's own file system: where the kubelet looks for the device's mode."""
REGISTER_TIMEOUT = 5.0
RETRY_SECONDS = 5.0
USERFAULTFD = "/dev/userfaultfd"
"""With it a QEMU without privileges runs a guest before all of its memory has arrived: post-copy. Whoever is given any
of our devices gets it besides, so that pods ask for nothing more; absent before Linux 6.1."""


class Access(NamedTuple):
    """Who may open a device on the node; without a group, that stays."""

    mode: int
    group: int | None = None


EVERYONE = Access(0o666)
LAUNCHERS = Access(0o660, LAUNCHER_USER)
"""For what no other program on the node shall have."""


class Offer(Struct, frozen=True, kw_only=True):
    """One resource: its short name, its device node, and how many shares of it there are."""

    name: str
    device: str
    count: int
    besides: tuple[str, ...] = ()
    """Device nodes that come with it."""

    @property
    def resource(self) -> str:
        return f"devices.kubevirt.io/{self.name}"

    @property
    def endpoint(self) -> str:
        return f"kubevirt-{self.name}.sock"


class _Service:
    """The DevicePlugin service of one offer."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self.methods = {
            "GetDevicePluginOptions": grpc.unary_unary_rpc_method_handler(self._nothing),
            "PreStartContainer": grpc.unary_unary_rpc_method_handler(self._nothing),
            "GetPreferredAllocation": grpc.unary_unary_rpc_method_handler(self._nothing),
            "Allocate": grpc.unary_unary_rpc_method_handler(self._allocate),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(self._list),
        }

    async def _nothing(self, _request: bytes, _context: object) -> bytes:
        return b""

    async def _allocate(self, request: bytes, _context: object) -> bytes:
        await asyncio.to_thread(open_to, EVERYONE, self._offer.device)
        for path in self._offer.besides:
            await asyncio.to_thread(open_to, LAUNCHERS, path)
        paths = (self._offer.device, *self._offer.besides)
        devices = tuple(messages.HostDevice(host_path=path, container_path=path) for path in paths)
        return messages.allocate_response(messages.containers_asking(request), devices)

    async def _list(self, _request: bytes, _context: object) -> AsyncIterator[bytes]:
        yield messages.device_list([f"{self._offer.name}{index}" for index in range(self._offer.count)])
        await asyncio.Event().wait()  # the number never changes while we live


def open_to(whom: Access, device: str) -> None:
    """QEMU runs without root in its pod: the node's mode and group are those that the container's device gets."""
    path = f"{HOST_ROOT}{device}"
    try:
        found = os.stat(path)
        if whom.group is not None and found.st_gid != whom.group:
            os.chown(path, -1, whom.group)
        if found.st_mode & 0o777 != whom.mode:
            os.chmod(path, whom.mode)
    except OSError as error:
        LOG.warning("%s keeps its mode and group: %s", device, error)


class DevicePlugins:
    """All offers of this node. `ready` is set once the kubelet has taken every one."""

    def __init__(self, offers: tuple[Offer, ...], directory: Path, watcher: Watcher) -> None:
        self._offers, self._directory, self._watcher = offers, directory, watcher
        self._kubelet_came = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve and register, and again after every start of the kubelet; until cancelled."""
        self._watch()
        while True:
            self._kubelet_came.clear()
            stamp = self._stamp()
            async with contextlib.AsyncExitStack() as stack:
                for offer in self._offers:
                    await stack.enter_async_context(self._serving(offer))
                await self._register_all()
                while self._stamp() == stamp:
                    await self._kubelet_came.wait()
                    self._kubelet_came.clear()
            LOG.info("the kubelet has started anew: registering again")

    def _watch(self) -> None:
        descriptor = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._watcher.watch(descriptor, self._kubelet_came.set)
        finally:
            os.close(descriptor)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            stat = (self._directory / KUBELET_SOCKET).stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_ctime_ns

    @contextlib.asynccontextmanager
    async def _serving(self, offer: Offer) -> AsyncIterator[None]:
        path = self._directory / offer.endpoint
        path.unlink(missing_ok=True)
        server = grpc.aio.server()
        service = f"{messages.VERSION}.DevicePlugin"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, _Service(offer).methods),))
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0.5)

    async def _register_all(self) -> None:
        for offer in self._offers:
            while not await self._register(offer):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._kubelet_came.wait(), RETRY_SECONDS)
        self.ready.set()

    async def _register(self, offer: Offer) -> bool:
        async with grpc.aio.insecure_channel(f"unix:{self._directory / KUBELET_SOCKET}") as channel:
            call = channel.unary_unary(f"/{messages.VERSION}.Registration/Register")
            try:
                await call(messages.register_request(offer.endpoint, offer.resource), timeout=REGISTER_TIMEOUT)
            except grpc.aio.AioRpcError as error:
                LOG.warning("the kubelet did not take %s: %s", offer.resource, error.details())
                return False
        LOG.info("the kubelet offers %d of %s", offer.count, offer.resource)
        return True


def offers(max_devices: int, kvm_usable: bool, exists: Callable[[str], bool] = os.path.exists) -> tuple[Offer, ...]:
    """The node's resources; what is not there, or cannot run a guest, is offered nought times."""

    def shares(device: str, usable: bool = True) -> int:
        return max_devices if usable and exists(device) else 0

    besides = (USERFAULTFD,) if exists(USERFAULTFD) else ()
    return (
        Offer(name="kvm", device="/dev/kvm", count=shares("/dev/kvm", kvm_usable), besides=besides),
        Offer(name="tun", device="/dev/net/tun", count=shares("/dev/net/tun"), besides=besides),
        Offer(name="vhost-net", device="/dev/vhost-net", count=shares("/dev/vhost-net"), besides=besides),
    )
