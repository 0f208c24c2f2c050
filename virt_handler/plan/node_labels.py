"""Labels that say what guests a node can run, from libvirt's capabilities of the launcher image there. Pure.

Under emulation they tell the truth about TCG: its host model, and no Hyper-V or TSC features of the host's CPU.
Input: the XML of `virConnectGetDomainCapabilities` and `virConnectGetCapabilities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from msgspec import Struct

from virt_model import labels

TRUE = "true"
TSC_PREFIX = "scheduling.node.kubevirt.io/tsc-frequency-"
MANAGED_PREFIXES = (
    labels.CPU_MODEL_PREFIX, labels.CPU_MODEL_MIGRATION_PREFIX, labels.CPU_FEATURE_PREFIX, labels.CPU_VENDOR_PREFIX,
    labels.CPU_TIMER_PREFIX, labels.HOST_MODEL_CPU_PREFIX, labels.HOST_MODEL_FEATURES_PREFIX, labels.HYPERV_PREFIX,
    labels.MACHINE_TYPE_PREFIX, labels.VM_ARCH_PREFIX, labels.OBSOLETE_HOST_MODEL, TSC_PREFIX,
)  # fmt: skip
"""Labels with these prefixes are ours alone: what is not wanted any more is removed."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "s390x": "s390x"}
_LABEL_MAX = 63


class NodeFacts(Struct, frozen=True, kw_only=True):
    """What was read from the capabilities."""

    architecture: str = ""
    host_model: str = ""
    host_model_features: tuple[str, ...] = ()
    vendor: str = ""
    models: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    hyperv: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    deprecated_machines: tuple[str, ...] = ()
    tsc_hz: int = 0
    tsc_scalable: bool = False


def read_facts(domain_capabilities: str, capabilities: str) -> NodeFacts:
    """Facts from the two documents; raises ElementTree.ParseError on something else than XML."""
    domain, host = ElementTree.fromstring(domain_capabilities), ElementTree.fromstring(capabilities)
    arch = domain.findtext("arch") or host.findtext("host/cpu/arch") or ""
    model = domain.find("cpu/mode[@name='host-model']")
    named = domain.find("cpu/mode[@name='custom']")
    required = _features(model, "require")
    tsc = host.find("host/cpu/counter[@name='tsc']")
    return NodeFacts(
        architecture=_ARCHITECTURES.get(arch, arch),
        host_model=(model.findtext("model") or "") if model is not None else "",
        host_model_features=required,
        vendor=(model.findtext("vendor") or "") if model is not None else "",
        models=tuple(each.text or "" for each in named.findall("model") if each.get("usable") == "yes")
        if named is not None
        else (),
        features=required,
        hyperv=_hyperv(domain),
        machines=_machines(host, arch),
        deprecated_machines=_deprecated(host, arch),
        tsc_hz=int(tsc.get("frequency", "0")) if tsc is not None else 0,
        tsc_scalable=tsc is not None and tsc.get("scaling") == "yes",
    )


def _features(model: ElementTree.Element | None, policy: str) -> tuple[str, ...]:
    if model is None:
        return ()
    return tuple(each.get("name", "") for each in model.findall("feature") if each.get("policy") == policy)


def _hyperv(domain: ElementTree.Element) -> tuple[str, ...]:
    element = domain.find("features/hyperv[@supported='yes']")
    if element is None:
        return ()
    return tuple(each.text or "" for each in element.findall("enum[@name='features']/value"))


def _machines(host: ElementTree.Element, arch: str) -> tuple[str, ...]:
    """Versioned machine types and the aliases that stand for them."""
    found: dict[str, None] = {}
    for machine in _machine_elements(host, arch):
        found[machine.text or ""] = None
        if canonical := machine.get("canonical"):
            found[canonical] = None
    return tuple(name for name in found if name)


def _deprecated(host: ElementTree.Element, arch: str) -> tuple[str, ...]:
    """Machine types that QEMU says it will drop; libvirt lists each once for every kind of domain."""
    listed = (each.text or "" for each in _machine_elements(host, arch) if each.get("deprecated") == "yes")
    return tuple(dict.fromkeys(listed))


def _machine_elements(host: ElementTree.Element, arch: str) -> Iterator[ElementTree.Element]:
    for guest in host.findall("guest"):
        element = guest.find("arch")
        if element is not None and element.get("name") == arch:
            yield from element.iter("machine")


def wanted_labels(facts: NodeFacts, kvm_usable: bool, obsolete: tuple[str, ...] = ()) -> dict[str, str]:
    """Every label of `MANAGED_PREFIXES` that the node must have; no guest may ask for an `obsolete` CPU model."""
    models = [model for model in facts.models if model not in obsolete]
    wanted = {
        **_each(labels.MACHINE_TYPE_PREFIX, facts.machines),
        **_each(labels.CPU_MODEL_PREFIX, models),
        **_each(labels.CPU_MODEL_MIGRATION_PREFIX, {*models, facts.host_model} - {""}),
        **_each(labels.CPU_FEATURE_PREFIX, facts.features),
        **_each(labels.HOST_MODEL_CPU_PREFIX, [facts.host_model]),
        **_each(labels.HOST_MODEL_FEATURES_PREFIX, facts.host_model_features),
        **_each(labels.CPU_VENDOR_PREFIX, [facts.vendor]),
        **_each(labels.VM_ARCH_PREFIX, [facts.architecture]),
    }
    if facts.host_model in obsolete:
        wanted[labels.OBSOLETE_HOST_MODEL] = TRUE
    if kvm_usable:
        wanted |= _each(labels.HYPERV_PREFIX, facts.hyperv)
        if facts.tsc_hz:
            wanted[f"{labels.CPU_TIMER_PREFIX}tsc-frequency"] = str(facts.tsc_hz)
            wanted[f"{labels.CPU_TIMER_PREFIX}tsc-scalable"] = str(facts.tsc_scalable).lower()
            wanted[f"{TSC_PREFIX}{facts.tsc_hz}"] = TRUE
    return wanted


def _each(prefix: str, names: Iterable[str]) -> dict[str, str]:
    return {f"{prefix}{name}": TRUE for name in sorted(names) if name and len(name) <= _LABEL_MAX}
