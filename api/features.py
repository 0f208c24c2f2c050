"""Hypervisor features: switches that are on when present, unless they say otherwise."""

from __future__ import annotations

from api.marks import UInt32
from api.view import View


class FeatureState(View, frozen=True, kw_only=True):
    """A switch."""

    enabled: bool | None = None
    """Whether it is on; absent means on, since the switch is there."""


class FeatureAPIC(View, frozen=True, kw_only=True):
    """The interrupt controller."""

    enabled: bool | None = None
    """Whether there is one; absent means yes."""
    end_of_interrupt: bool = False
    """True lets the guest end interrupts without leaving it."""


class FeatureSpinlocks(View, frozen=True, kw_only=True):
    """Tells the host when a guest waits on a lock in vain."""

    enabled: bool | None = None
    """Whether it tells; absent means yes."""
    spinlocks: UInt32 | None = None
    """Tries before it tells, 4096 or more; absent means 4096."""


class FeatureVendorID(View, frozen=True, kw_only=True):
    """Changes the hypervisor name the guest reads."""

    enabled: bool | None = None
    """Whether it is changed; absent means yes."""
    vendorid: str = ""
    """Name to show, up to twelve characters."""


class FeatureKVM(View, frozen=True, kw_only=True):
    """How KVM shows itself."""

    hidden: bool = False
    """True hides KVM from the guest."""


class SyNICTimer(View, frozen=True, kw_only=True):
    """Timers of the synthetic interrupt controller."""

    enabled: bool | None = None
    """Whether there are any; absent means yes."""
    direct: FeatureState | None = None
    """Delivers them as interrupts rather than messages."""


class TLBFlush(View, frozen=True, kw_only=True):
    """Lets the guest ask the host to flush address caches of other vCPUs."""

    enabled: bool | None = None
    """Whether it may; absent means yes."""
    direct: FeatureState | None = None
    """Serves requests of nested guests straight away."""
    extended: FeatureState | None = None
    """Flushes ranges rather than everything."""


class FeatureHyperv(View, frozen=True, kw_only=True):
    """Enlightenments of Hyper-V: what makes Windows run well."""

    relaxed: FeatureState | None = None
    """No panic over late timers."""
    vapic: FeatureState | None = None
    """Fast access to the interrupt controller."""
    spinlocks: FeatureSpinlocks | None = None
    """Fewer tries on contended locks."""
    vpindex: FeatureState | None = None
    """Each vCPU knows its number."""
    runtime: FeatureState | None = None
    """Guests can read how long a vCPU ran."""
    synic: FeatureState | None = None
    """A synthetic interrupt controller."""
    synictimer: SyNICTimer | None = None
    """Timers on the synthetic interrupt controller."""
    reset: FeatureState | None = None
    """A register that resets the guest."""
    vendorid: FeatureVendorID | None = None
    """Another hypervisor name."""
    frequencies: FeatureState | None = None
    """Registers for clock frequencies."""
    reenlightenment: FeatureState | None = None
    """Word to nested hypervisors that the clock frequency changed."""
    tlbflush: TLBFlush | None = None
    """Address cache flushes by the host."""
    ipi: FeatureState | None = None
    """Interrupts between vCPUs by the host."""
    evmcs: FeatureState | None = None
    """Faster nested virtualisation on Intel."""


class HyperVPassthrough(View, frozen=True, kw_only=True):
    """Every enlightenment the host can give."""

    enabled: bool | None = None
    """Whether it is given; absent means yes."""


class Features(View, frozen=True, kw_only=True):
    """Features of the hypervisor the guest sees."""

    acpi: FeatureState | None = None
    """ACPI; also the way a guest is asked to power off."""
    apic: FeatureAPIC | None = None
    """The interrupt controller."""
    hyperv: FeatureHyperv | None = None
    """Enlightenments, one by one."""
    hyperv_passthrough: HyperVPassthrough | None = None
    """All enlightenments at once; not together with hyperv."""
    smm: FeatureState | None = None
    """System management mode, which secure boot needs."""
    kvm: FeatureKVM | None = None
    """How KVM shows itself."""
    pvspinlock: FeatureState | None = None
    """Paravirtual spin locks of KVM; absent leaves them on."""
