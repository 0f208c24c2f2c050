"""Preferences: what suits a guest system, filled in where a VM leaves things open."""

from __future__ import annotations

from msgspec import field

from api.cpu_memory import CPUFeature
from api.devices import Rng, TPMDevice, VGPUOptions
from api.disk import BlockSize
from api.features import FeatureAPIC, FeatureHyperv, FeatureKVM, FeatureState
from api.firmware_clock import EFI, ClockOffsetUTC, LaunchSecurity, Timer
from api.marks import Int64, UInt32
from api.meta import ObjectMeta
from api.network import InterfaceMasquerade
from api.quantity import Quantity
from api.view import View


class ClockOffset(View, frozen=True, kw_only=True):
    """What the guest's clock shows; one of the two."""

    utc: ClockOffsetUTC | None = None
    """UTC, or a distance from it."""
    timezone: str | None = None
    """Local time of a place."""


class ClockPreferences(View, frozen=True, kw_only=True):
    """Clock that suits."""

    preferred_clock_offset: ClockOffset | None = None
    """What it shows."""
    preferred_timer: Timer | None = None
    """What it is made of."""


class SpreadOptions(View, frozen=True, kw_only=True):
    """How CPUs are spread when the topology is `spread`."""

    across: str | None = None
    """SocketsCores (the default), CoresThreads or SocketsCoresThreads."""
    ratio: UInt32 | None = None
    """Cores per socket, or threads per core; absent means 2."""


class CPUPreferences(View, frozen=True, kw_only=True):
    """CPUs that suit."""

    preferred_cpu_topology: str | None = field(name="preferredCPUTopology", default=None)
    """What CPUs of an instance type become: sockets (the default), cores, threads, spread or any."""
    preferred_cpu_features: tuple[CPUFeature, ...] = field(name="preferredCPUFeatures", default=())
    """CPU features to ask for."""
    spread_options: SpreadOptions | None = None
    """How spread is meant."""


class DevicePreferences(View, frozen=True, kw_only=True):
    """Devices that suit."""

    preferred_autoattach_graphics_device: bool | None = None
    """Whether there is a screen."""
    preferred_autoattach_input_device: bool | None = None
    """Whether there is a tablet."""
    preferred_autoattach_mem_balloon: bool | None = None
    """Whether memory can be asked back."""
    preferred_autoattach_pod_interface: bool | None = None
    """Whether the pod network is joined unasked."""
    preferred_autoattach_serial_console: bool | None = None
    """Whether there is a serial console."""
    preferred_block_multi_queue: bool | None = None
    """Whether disks have a queue per CPU."""
    preferred_network_interface_multi_queue: bool | None = None
    """Whether interfaces have a queue per CPU."""
    preferred_disable_hotplug: bool | None = None
    """Whether nothing can be plugged in later."""
    preferred_use_virtio_transitional: bool | None = None
    """Whether virtio devices also speak the old dialect."""
    preferred_disk_bus: str = ""
    """Bus of disks."""
    preferred_cdrom_bus: str = ""
    """Bus of CD-ROMs."""
    preferred_lun_bus: str = ""
    """Bus of LUNs."""
    preferred_disk_cache: str = ""
    """Cache mode of disks."""
    preferred_disk_io: str = field(name="preferredDiskIO", default="")
    """I/O mode of disks."""
    preferred_disk_block_size: BlockSize | None = None
    """Block sizes of disks."""
    preferred_disk_dedicated_io_thread: bool | None = None
    """Whether each virtio disk has a thread of its own."""
    preferred_interface_model: str = ""
    """Model of interfaces."""
    preferred_interface_masquerade: InterfaceMasquerade | None = None
    """Masquerade for the interface on the pod network."""
    preferred_input_bus: str = ""
    """Bus of input devices."""
    preferred_input_type: str = ""
    """Type of input devices."""
    preferred_rng: Rng | None = None
    """A source of randomness."""
    preferred_sound_model: str = ""
    """Model of the sound card."""
    preferred_tpm: TPMDevice | None = field(name="preferredTPM", default=None)
    """A TPM."""
    preferred_video_type: str | None = None
    """Type of the graphics card."""
    preferred_panic_device_model: str | None = None
    """Model of the panic device."""
    preferred_virtual_gpu_options: VGPUOptions | None = field(name="preferredVirtualGPUOptions", default=None)
    """How mediated GPUs show a picture."""


class FeaturePreferences(View, frozen=True, kw_only=True):
    """Features of the board that suit."""

    preferred_acpi: FeatureState | None = None
    """Power management."""
    preferred_apic: FeatureAPIC | None = None
    """Interrupt controller."""
    preferred_smm: FeatureState | None = None
    """System management mode."""
    preferred_hyperv: FeatureHyperv | None = None
    """What Windows knows from Hyper-V."""
    preferred_kvm: FeatureKVM | None = None
    """How KVM shows itself."""
    preferred_pvspinlock: FeatureState | None = None
    """Paravirtual spin locks."""


class FirmwarePreferences(View, frozen=True, kw_only=True):
    """Firmware that suits."""

    preferred_use_bios: bool | None = None
    """BIOS."""
    preferred_use_bios_serial: bool | None = None
    """Messages of the BIOS on the serial console."""
    preferred_efi: EFI | None = None
    """UEFI, in detail."""
    preferred_use_efi: bool | None = None
    """UEFI; the old form of preferredEfi."""
    preferred_use_secure_boot: bool | None = None
    """Secure boot; the old form of its field in preferredEfi."""


class MachinePreferences(View, frozen=True, kw_only=True):
    """Machine that suits."""

    preferred_machine_type: str = ""
    """Machine type, such as q35."""


class VolumePreferences(View, frozen=True, kw_only=True):
    """Storage that suits."""

    preferred_storage_class_name: str = ""
    """StorageClass of data volumes."""


class CPUPreferenceRequirement(View, frozen=True, kw_only=True):
    """CPUs a guest cannot do without."""

    guest: UInt32
    """How many at least."""


class MemoryPreferenceRequirement(View, frozen=True, kw_only=True):
    """Memory a guest cannot do without."""

    guest: Quantity
    """How much at least."""


class PreferenceRequirements(View, frozen=True, kw_only=True):
    """What a VM must have for this preference."""

    cpu: CPUPreferenceRequirement | None = None
    """In CPUs."""
    memory: MemoryPreferenceRequirement | None = None
    """In memory."""
    architecture: str | None = None
    """The only architecture it is for."""


class VirtualMachinePreferenceSpec(View, frozen=True, kw_only=True):
    """What suits a guest system."""

    clock: ClockPreferences | None = None
    """Its clock."""
    cpu: CPUPreferences | None = None
    """Its CPUs."""
    devices: DevicePreferences | None = None
    """Its devices."""
    features: FeaturePreferences | None = None
    """Its board."""
    firmware: FirmwarePreferences | None = None
    """Its firmware."""
    machine: MachinePreferences | None = None
    """Its machine type."""
    volumes: VolumePreferences | None = None
    """Its storage."""
    requirements: PreferenceRequirements | None = None
    """What it needs at least."""
    preferred_architecture: str | None = None
    """Its architecture."""
    preferred_subdomain: str | None = None
    """Its subdomain."""
    preferred_termination_grace_period_seconds: Int64 | None = None
    """Seconds it needs to power off."""
    preferred_launch_security: LaunchSecurity | None = None
    """Its protection from the host."""
    prefer_spread_socket_to_core_ratio: UInt32 = 0
    """Old form of spreadOptions.ratio."""
    annotations: dict[str, str] = {}
    """Annotations for its instance."""


class VirtualMachinePreference(View, frozen=True, kw_only=True):
    """What suits a guest system, in this namespace."""

    api_version: str = ""
    """Group and version of the preference."""
    kind: str = ""
    """VirtualMachinePreference."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the preference."""
    spec: VirtualMachinePreferenceSpec
    """What suits."""


class VirtualMachineClusterPreference(View, frozen=True, kw_only=True):
    """What suits a guest system, in every namespace."""

    api_version: str = ""
    """Group and version of the cluster's preference."""
    kind: str = ""
    """VirtualMachineClusterPreference."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity, with no namespace."""
    spec: VirtualMachinePreferenceSpec
    """What suits there."""
