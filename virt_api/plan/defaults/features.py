"""Defaults of hypervisor features and probes.

A feature that is mentioned is meant: `apic: {}` becomes `apic: {enabled: true}`. Some enlightenments for Windows
stand on others; those are switched on with them. Where somebody switched one off, it stays off, and a rule refuses.
"""

from __future__ import annotations

from virt_api.plan.defaults.compute import within
from virt_api.plan.reading import Raw, flag, number, table, text

_SWITCHES = ("acpi", "apic", "hypervPassthrough", "pvspinlock", "smm")
_SPINLOCK_RETRIES = 4096
# An enlightenment, and what it needs; in an order in which one pass reaches the end of every chain.
NEEDS = (
    ("ipi", "vpindex"),
    ("tlbflush", "vpindex"),
    ("synictimer", "synic"),
    ("synic", "vpindex"),
    ("evmcs", "vapic"),
)
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def fill_features(spec: Raw) -> None:
    features = within(spec, "domain", "features")
    if not isinstance(features.get("acpi"), dict):
        features["acpi"] = {"enabled": text(spec, "architecture") != "s390x"}
    for name in _SWITCHES:
        _switch_on(features.get(name))
    hyperv = features.get("hyperv")
    if isinstance(hyperv, dict):
        _fill_hyperv(spec, hyperv)


def _switch_on(feature: object) -> None:
    if isinstance(feature, dict) and flag(feature, "enabled") is None:
        feature["enabled"] = True


def _fill_hyperv(spec: Raw, hyperv: Raw) -> None:
    for feature in list(hyperv.values()):
        _switch_on(feature)
    spinlocks = hyperv.get("spinlocks")
    if isinstance(spinlocks, dict) and number(spinlocks, "spinlocks") is None:
        spinlocks["spinlocks"] = _SPINLOCK_RETRIES
    for feature, need in NEEDS:
        if flag(hyperv, feature, "enabled") and flag(hyperv, need, "enabled") is None:
            within(hyperv, need)["enabled"] = True
    if flag(hyperv, "evmcs", "enabled"):
        _require_vmx(spec)


def _require_vmx(spec: Raw) -> None:
    cpu = within(spec, "domain", "cpu")
    known = cpu.get("features") if isinstance(cpu.get("features"), list) else []
    others = [each for each in known or [] if not (isinstance(each, dict) and each.get("name") == "vmx")]
    cpu["features"] = [*others, {"name": "vmx", "policy": "require"}]


def fill_probes(spec: Raw) -> None:
    for name in ("readinessProbe", "livenessProbe"):
        probe = table(spec).get(name)
        if isinstance(probe, dict):
            for field, value in _PROBE.items():
                if not number(probe, field):
                    probe[field] = value
