"""Devices of the guest other than its vCPUs and memory."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.disk import Disk
from api.features import FeatureState
from api.marks import ATOMIC_LIST, capped
from api.network import Interface
from api.view import View


class Input(View, frozen=True, kw_only=True):
    """A pointing device."""

    name: str
    """Name of the device."""
    type: str
    """tablet, the only kind."""
    bus: str = ""
    """usb or virtio."""


class Rng(View, frozen=True, kw_only=True):
    """Feeds the guest with the host's randomness."""


class DownwardMetrics(View, frozen=True, kw_only=True):
    """A channel by which the guest reads metrics of its host."""


class I6300ESBWatchdog(View, frozen=True, kw_only=True):
    """The PCI watchdog of Intel's 6300ESB."""

    action: str = ""
    """What happens when the guest stops feeding it: reset, poweroff or shutdown."""


class Diag288Watchdog(View, frozen=True, kw_only=True):
    """The watchdog of IBM Z."""

    action: str = ""
    """What an unfed watchdog does: reset, poweroff or shutdown."""


class Watchdog(View, frozen=True, kw_only=True):
    """A timer the guest must keep feeding; one of the models."""

    name: str
    """Name of the watchdog."""
    i6300esb: I6300ESBWatchdog | None = None
    """The model for x86."""
    diag288: Diag288Watchdog | None = None
    """The model for s390x."""


class PanicDevice(View, frozen=True, kw_only=True):
    """Lets the guest report that its kernel panicked."""

    model: str | None = None
    """hyperv, isa or pvpanic; absent lets us choose."""


class VGPUDisplayOptions(View, frozen=True, kw_only=True):
    """The display of a virtual GPU."""

    enabled: bool | None = None
    """Whether it is shown on VNC; absent means yes."""
    ram_fb: FeatureState | None = field(name="ramFB", default=None)
    """A frame buffer for the time before the driver loads."""


class VGPUOptions(View, frozen=True, kw_only=True):
    """Settings of a virtual GPU."""

    display: VGPUDisplayOptions | None = None
    """Its display."""


class GPU(View, frozen=True, kw_only=True):
    """A physical or virtual GPU, by device plugin or by resource claim."""

    name: str
    """Name of the device."""
    device_name: str = ""
    """Resource of the device plugin."""
    claim_name: str | None = None
    """Resource claim it comes from."""
    request_name: str | None = None
    """Request in that claim."""
    tag: str = ""
    """Word that goes into the guest's metadata."""
    virtual_gpu_options: VGPUOptions | None = field(name="virtualGPUOptions", default=None)
    """Settings of a virtual one."""


class HostDevice(View, frozen=True, kw_only=True):
    """A device of the node, by device plugin or by resource claim."""

    name: str
    """Name in this VM."""
    device_name: str = ""
    """Resource name under which the plugin offers it."""
    claim_name: str | None = None
    """Claim that holds it."""
    request_name: str | None = None
    """Which request of the claim."""
    tag: str = ""
    """Word to be found in the guest's metadata."""


class FilesystemVirtiofs(View, frozen=True, kw_only=True):
    """Shares by virtiofs."""


class Filesystem(View, frozen=True, kw_only=True):
    """A volume shared with the guest as a file system rather than a disk."""

    name: str
    """Name of the volume, and the tag to mount."""
    virtiofs: FilesystemVirtiofs
    """The way of sharing."""


class ClientPassthroughDevices(View, frozen=True, kw_only=True):
    """USB channels by which a viewer's own devices reach the guest."""


class SoundDevice(View, frozen=True, kw_only=True):
    """A sound card."""

    name: str
    """Name of the card."""
    model: str = ""
    """ich9 or ac97; absent means ich9."""


class TPMDevice(View, frozen=True, kw_only=True):
    """An emulated trusted platform module."""

    enabled: bool | None = None
    """Whether there is one; absent means yes."""
    persistent: bool | None = None
    """True keeps its secrets over restarts."""


class VideoDevice(View, frozen=True, kw_only=True):
    """The graphics card."""

    type: str = ""
    """vga, virtio, bochs, cirrus or ramfb; absent lets us choose."""


class Devices(View, frozen=True, kw_only=True):
    """All devices."""

    disks: Annotated[tuple[Disk, ...], capped(256)] = ()
    """Disks, LUNs and CD drives."""
    interfaces: Annotated[tuple[Interface, ...], capped(256)] = ()
    """Network cards."""
    inputs: tuple[Input, ...] = ()
    """Pointing devices."""
    watchdog: Watchdog | None = None
    """A watchdog."""
    rng: Rng | None = None
    """Randomness from the host."""
    filesystems: Annotated[tuple[Filesystem, ...], ATOMIC_LIST] = ()
    """Volumes shared as file systems."""
    gpus: Annotated[tuple[GPU, ...], ATOMIC_LIST] = ()
    """GPUs."""
    host_devices: Annotated[tuple[HostDevice, ...], ATOMIC_LIST] = ()
    """Devices of the node."""
    panic_devices: tuple[PanicDevice, ...] = ()
    """Reporters of kernel panics."""
    client_passthrough: ClientPassthroughDevices | None = None
    """USB channels for a viewer's devices."""
    sound: SoundDevice | None = None
    """A sound card."""
    tpm: TPMDevice | None = None
    """A trusted platform module."""
    video: VideoDevice | None = None
    """The graphics card, where the default does not fit."""
    downward_metrics: DownwardMetrics | None = None
    """A channel for the host's metrics."""
    use_virtio_transitional: bool | None = None
    """True makes virtio devices speak the old protocol too."""
    disable_hotplug: bool = False
    """True gives up the spare slots for plugging."""
    autoattach_pod_interface: bool | None = None
    """False adds no interface on the pod network when none is declared."""
    autoattach_graphics_device: bool | None = None
    """False leaves out graphics and VNC."""
    autoattach_serial_console: bool | None = None
    """False leaves out the serial console."""
    log_serial_console: bool | None = None
    """Whether the serial console is copied to the log of a container; absent means as the cluster says."""
    autoattach_mem_balloon: bool | None = None
    """False leaves out the memory balloon."""
    autoattach_input_device: bool | None = None
    """True adds a tablet when no input is declared."""
    autoattach_vsock: bool | None = field(name="autoattachVSOCK", default=None)
    """True adds a socket to the host."""
    block_multi_queue: bool | None = None
    """True gives virtio disks one queue per vCPU."""
    network_interface_multiqueue: bool | None = None
    """True gives virtio cards one queue per vCPU."""
