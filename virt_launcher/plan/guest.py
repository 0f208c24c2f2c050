"""The launcher's view of a VirtualMachineInstance: what a domain depends on and nothing else, because every VM pays
for what its launcher imports."""

from __future__ import annotations

from api.access import AccessCredential
from api.domain import DomainSpec
from api.meta import ObjectMeta
from api.quantity import quantity_bytes
from api.view import View
from api.volume import Volume
from virt_model import names


class GuestSpec(View, frozen=True, kw_only=True):
    """The part of `spec` that becomes hardware or data of the guest."""

    domain: DomainSpec
    volumes: tuple[Volume, ...] = ()
    architecture: str = ""
    hostname: str = ""
    start_strategy: str | None = None
    access_credentials: tuple[AccessCredential, ...] = ()


class VolumeTarget(View, frozen=True, kw_only=True):
    """Which target a volume had before."""

    name: str
    target: str = ""


class GuestStatus(View, frozen=True, kw_only=True):
    """What must not change while the VMI lives."""

    volume_status: tuple[VolumeTarget, ...] = ()


class Guest(View, frozen=True, kw_only=True):
    """A VirtualMachineInstance, as the launcher needs it."""

    metadata: ObjectMeta
    spec: GuestSpec
    status: GuestStatus = GuestStatus()

    @property
    def domain_name(self) -> str:
        """The name of the libvirt domain."""
        return names.domain_name(self.metadata.namespace, self.metadata.name)

    @property
    def hostname(self) -> str:
        """The guest's host name: the one wanted, else the first label of the VMI's name."""
        return names.hostname(self.metadata.name, self.spec.hostname)

    @property
    def starts_paused(self) -> bool:
        """The guest's first instruction waits for `unpause`."""
        return self.spec.start_strategy == "Paused"

    @property
    def machine(self) -> str:
        """QEMU's machine type."""
        machine = self.spec.domain.machine
        return machine.type if machine and machine.type else "q35"

    @property
    def virtio_model(self) -> str:
        """libvirt's model of every virtio device."""
        return "virtio-transitional" if self.spec.domain.devices.use_virtio_transitional else "virtio-non-transitional"

    @property
    def memory_bytes(self) -> int:
        """What the guest boots with: `memory.guest`, else what is requested, else the limit, else 0."""
        spec = self.spec.domain
        if spec.memory and spec.memory.guest is not None:
            return quantity_bytes(spec.memory.guest)
        for amounts in (spec.resources.requests, spec.resources.limits):
            if "memory" in amounts:
                return quantity_bytes(amounts["memory"])
        return 0
