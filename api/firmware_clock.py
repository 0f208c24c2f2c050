"""The board a guest finds itself on: machine type, firmware, boot, SMBIOS chassis, clock, memory encryption."""

from __future__ import annotations

from typing import ClassVar

from api.marks import OPEN, Int, Mark, PullPolicy
from api.view import View


class Machine(View, frozen=True, kw_only=True):
    """The emulated board."""

    type: str = ""
    """Machine type of QEMU, such as q35 or pc-q35-10.0."""


class Chassis(View, frozen=True, kw_only=True):
    """What SMBIOS says about the case."""

    manufacturer: str = ""
    """Maker of the case."""
    version: str = ""
    """Version of the case."""
    serial: str = ""
    """Serial number of the case."""
    asset: str = ""
    """Asset tag."""
    sku: str = ""
    """Stock keeping unit."""


class BIOS(View, frozen=True, kw_only=True):
    """Boots by legacy BIOS."""

    use_serial: bool | None = None
    """True shows the BIOS on the serial console."""


class EFI(View, frozen=True, kw_only=True):
    """Boots by UEFI."""

    secure_boot: bool | None = None
    """Checks signatures while booting (needs SMM); absent means true."""
    persistent: bool | None = None
    """True keeps the UEFI variables over restarts."""


class Bootloader(View, frozen=True, kw_only=True):
    """Which firmware starts the guest; one of the two."""

    bios: BIOS | None = None
    """Set for legacy BIOS, which is also the default."""
    efi: EFI | None = None
    """Set for UEFI."""


class KernelBootContainer(View, frozen=True, kw_only=True):
    """A container image that holds a kernel or an initrd or both."""

    image: str
    """Reference of the image."""
    image_pull_secret: str = ""
    """Secret with the registry's credentials, in the VM's namespace."""
    image_pull_policy: PullPolicy = ""
    """When to fetch the image."""
    kernel_path: str = ""
    """Absolute path of the kernel in the image."""
    initrd_path: str = ""
    """Absolute path of the initrd in the image."""


class KernelBoot(View, frozen=True, kw_only=True):
    """Boots a kernel from outside the guest's disks."""

    kernel_args: str = ""
    """Command line for the kernel."""
    container: KernelBootContainer | None = None
    """Where kernel and initrd come from."""


class ACPI(View, frozen=True, kw_only=True):
    """ACPI tables handed to the guest, from secret volumes."""

    slic_name_ref: str = ""
    """Volume that holds the SLIC table (a Windows licence)."""
    msdm_name_ref: str = ""
    """Volume that holds the MSDM table (a Windows licence)."""


class Firmware(View, frozen=True, kw_only=True):
    """Identity and boot path of the board."""

    uuid: str = ""
    """UUID the guest sees; cloud-init takes its instance-id from it."""
    serial: str = ""
    """Serial number of the system in SMBIOS."""
    bootloader: Bootloader | None = None
    """BIOS or UEFI."""
    kernel_boot: KernelBoot | None = None
    """Set to boot a kernel from an image."""
    acpi: ACPI | None = None
    """Set to pass ACPI tables."""


class ClockOffsetUTC(View, frozen=True, kw_only=True):
    """A guest clock that runs on UTC."""

    offset_seconds: Int | None = None
    """Seconds to be ahead of UTC at each start; absent keeps what the guest set."""


class HPETTimer(View, frozen=True, kw_only=True):
    """High precision event timer."""

    tick_policy: str = ""
    """What becomes of ticks that came too late: delay, catchup, merge or discard."""
    present: bool | None = None
    """False takes the timer away; absent means present."""


class KVMTimer(View, frozen=True, kw_only=True):
    """The paravirtual clock of KVM."""

    present: bool | None = None
    """False hides the clock; absent means present."""


class PITTimer(View, frozen=True, kw_only=True):
    """Programmable interval timer."""

    tick_policy: str = ""
    """What becomes of late ticks: delay, catchup or discard."""
    present: bool | None = None
    """False removes it; absent means present."""


class RTCTimer(View, frozen=True, kw_only=True):
    """Real-time clock."""

    tick_policy: str = ""
    """What becomes of late ticks: delay or catchup."""
    present: bool | None = None
    """False leaves the clock out; absent means present."""
    track: str = ""
    """Follows guest or wall time."""


class HypervTimer(View, frozen=True, kw_only=True):
    """Hyper-V's reference time, which makes Windows read time cheaply."""

    present: bool | None = None
    """False switches it off; absent means present."""


class Timer(View, frozen=True, kw_only=True):
    """Time sources of the guest."""

    hpet: HPETTimer | None = None
    """High precision event timer."""
    kvm: KVMTimer | None = None
    """Paravirtual clock."""
    pit: PITTimer | None = None
    """Interval timer."""
    rtc: RTCTimer | None = None
    """Real-time clock."""
    hyperv: HypervTimer | None = None
    """Hyper-V reference time."""


class Clock(View, frozen=True, kw_only=True):
    """What time the guest boots with and which timers it has: UTC or a time zone, not both."""

    schema_mark: ClassVar[Mark] = OPEN

    utc: ClockOffsetUTC | None = None
    """Runs on UTC, possibly shifted."""
    timezone: str | None = None
    """Runs on the local time of this zone, such as Europe/Vienna."""
    timer: Timer | None = None
    """Time sources and their manners."""


class SEVPolicy(View, frozen=True, kw_only=True):
    """What SEV promises."""

    encrypted_state: bool | None = None
    """True encrypts the registers too (SEV-ES)."""


class SEVAttestation(View, frozen=True, kw_only=True):
    """Start only after the guest's owner has attested."""


class SEV(View, frozen=True, kw_only=True):
    """AMD's memory encryption."""

    policy: SEVPolicy | None = None
    """Which protection is asked for."""
    attestation: SEVAttestation | None = None
    """Set to wait for attestation."""
    session: str = ""
    """Launch session blob of the owner, base64."""
    dh_cert: str = ""
    """Owner's Diffie-Hellman key, base64."""


class SEVSNP(View, frozen=True, kw_only=True):
    """AMD's memory encryption with integrity."""


class TDX(View, frozen=True, kw_only=True):
    """Intel's trust domains."""


class LaunchSecurity(View, frozen=True, kw_only=True):
    """Hides the guest's memory from its host; one of the three."""

    sev: SEV | None = None
    """SEV or SEV-ES."""
    snp: SEVSNP | None = None
    """SEV-SNP."""
    tdx: TDX | None = None
    """TDX."""
