"""The VMI as the renderers of its pod see it: the raw object for what is passed on, its view for what is decided."""

from __future__ import annotations

from typing import Any

import msgspec

from api.cpu_memory import CPU
from api.vmi import VirtualMachineInstanceSpec
from virt_model import console_log
from virt_model.config import ClusterConfig
from virt_model.network_rules import is_virtio
from virt_model.seen import Vmi

Json = dict[str, Any]
DEFAULT_GRACE = 30


class Launcher(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a launcher pod is made of."""

    vmi: Vmi
    spec: VirtualMachineInstanceSpec
    config: ClusterConfig
    image: str

    @property
    def grace_seconds(self) -> int:
        """Seconds the guest has to power off."""
        grace = self.spec.termination_grace_period_seconds
        return DEFAULT_GRACE if grace is None else grace

    @property
    def architecture(self) -> str:
        return self.spec.architecture or self.config.default_architecture

    @property
    def cpu(self) -> CPU:
        return self.spec.domain.cpu or CPU()

    @property
    def vcpus(self) -> int:
        return max(1, self.cpu.sockets) * max(1, self.cpu.cores) * max(1, self.cpu.threads)

    @property
    def has_nics(self) -> bool:
        devices = self.spec.domain.devices
        return bool(devices.interfaces) or (devices.autoattach_pod_interface is not False and not self.spec.networks)

    @property
    def has_virtio_nics(self) -> bool:
        """Some NIC is a virtio one; a NIC that is attached by default is."""
        nics = self.spec.domain.devices.interfaces
        return self.has_nics and (not nics or any(is_virtio(nic.model) for nic in nics))

    @property
    def logs_console(self) -> bool:
        """Whether what the guest says on its serial port goes to the pod's log."""
        devices = self.spec.domain.devices
        return console_log.is_logged(devices.autoattach_serial_console, devices.log_serial_console, self.config)


def launcher_of(raw: Json, config: ClusterConfig, image: str) -> Launcher:
    """Raises msgspec.ValidationError for a spec that the CRD's schema would not have let in."""
    spec = msgspec.convert(raw["spec"], VirtualMachineInstanceSpec)
    return Launcher(vmi=Vmi(raw), spec=spec, config=config, image=image)
