"""Rules for KubeVirt objects, asked by the operator's webhooks on create, update and delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from api.duration import InvalidDuration
from virt_model import gates, node_lease

from . import certificates, desired
from .patches import PatchError
from .settings import PRODUCT_FIELDS, VERBOSITY_FLAG, Images, is_label_value, settings_of

Json = dict[str, Any]
BLOCK = "BlockUninstallIfWorkloadsExist"
_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_ATTACHMENT = re.compile(rf"({_NAME}/)?{_NAME}([.]{_NAME})*")
KINDS = {
    "virtualmachineinstances": "Virtual Machine Instances",
    "virtualmachines": "Virtual Machines",
    "virtualmachineinstancereplicasets": "Virtual Machine Instance Replica Sets",
}


class Cause(msgspec.Struct, frozen=True):
    """One reason of a refusal: a field path of the object, a text, and Kubernetes' word for what is wrong."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`refusal` (code 400) or `causes` (code 422) say no; `warnings` are told either way."""

    refusal: str = ""
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.refusal and not self.causes


def on_create(new: Json, present: Sequence[Json]) -> Answer:
    if any(not each["metadata"].get("deletionTimestamp") for each in present):
        return Answer(refusal="Kubevirt is already created")
    return Answer(causes=(*spec_causes(new), *_fencing_causes(new)), warnings=_warnings(new, None))


def on_update(new: Json, old: Json) -> Answer:
    if new["metadata"].get("deletionTimestamp"):
        return Answer()  # only finalizers go now
    return Answer(causes=(*spec_causes(new), *_fencing_causes(new)), warnings=_warnings(new, old))


def _fencing_causes(new: Json) -> Iterator[Cause]:
    """Annotations that hold for all guests; podvirt's own, for which the original's schema has no place."""
    said = new["metadata"].get("annotations") or {}
    wanted, seconds = said.get(node_lease.WANTED, "false"), said.get(node_lease.LEASE_SECONDS)
    if wanted not in ("true", "false"):
        field = f"metadata.annotations[{node_lease.WANTED}]"
        yield Cause(field, f'must be "true" or "false", not "{wanted}"')
    shortest, longest = node_lease.SHORTEST_SECONDS, node_lease.LONGEST_SECONDS
    if seconds is not None and not (seconds.isdecimal() and shortest <= int(seconds) <= longest):
        field = f"metadata.annotations[{node_lease.LEASE_SECONDS}]"
        yield Cause(field, f"must be whole seconds from {shortest} to {longest}")


def moved_placements(new: Json, old: Json) -> dict[str, Json]:
    """`infra` and `workloads` to their node placement, as far as an update changes it to another."""
    found = {}
    for part in ("infra", "workloads"):
        wanted, before = (((each.get("spec") or {}).get(part) or {}).get("nodePlacement") for each in (new, old))
        if wanted and wanted != before:
            found[part] = wanted
    return found


def probe_deployment(namespace: str, placement: Json) -> Json:
    """For a dry run: the API server judges the placement better than any rule of ours."""
    labels = {"kubevirt.io/choose-me": ""}
    spec = {"containers": [{"name": "placement-verification-pod", "image": "test.only:latest"}], **placement}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "placement-validation-webhook", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _warnings(new: Json, old: Json | None) -> tuple[str, ...]:
    return (*_gate_warnings(new, old), *_product_warnings(new, old or {}))


def _product_warnings(new: Json, old: Json) -> tuple[str, ...]:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    said = {field: str(spec.get(field) or "") for field in PRODUCT_FIELDS if spec.get(field) != before.get(field)}
    return tuple(
        f"spec.{field} has no effect: {text} cannot be the value of a label"
        for field, text in said.items()
        if text and not is_label_value(text)
    )


def _gate_warnings(new: Json, old: Json | None) -> tuple[str, ...]:
    """Told when the list changes, not at every edit of something else."""
    named, before = _named_gates(new), _named_gates(old or {})
    return () if named == before else tuple(text for text in map(gates.warning, named) if text)


def _named_gates(kubevirt: Json) -> list[str]:
    developer = ((kubevirt.get("spec") or {}).get("configuration") or {}).get("developerConfiguration") or {}
    listed = (*(developer.get("featureGates") or ()), *(developer.get("disabledFeatureGates") or ()))
    return list(dict.fromkeys(map(str, listed)))


def on_delete(old: Json, workloads: Mapping[str, int]) -> Answer:
    """`workloads`: plural -> how many there are (1 stands for some)."""
    if (old.get("spec") or {}).get("uninstallStrategy") != BLOCK:
        return Answer()
    for plural, words in KINDS.items():
        if workloads.get(plural):
            return Answer(
                refusal=f"Rejecting the uninstall request, since there are still {words} present. "
                "Delete them first, or change spec.uninstallStrategy."
            )
    return Answer()


def spec_causes(kubevirt: Json) -> list[Cause]:
    spec = kubevirt.get("spec") or {}
    checks: tuple[Callable[[Json], list[Cause]], ...] = (
        _rotation,
        _replicas,
        _tls,
        _overhead,
        _flags,
        _counts,
        _migration_network,
        _unsupported,
    )
    found = [cause for check in checks for cause in check(spec)]
    return found or _patches(kubevirt)


def _rotation(spec: Json) -> list[Cause]:
    path = "spec.certificateRotateStrategy.selfSigned"
    signed = (spec.get("certificateRotateStrategy") or {}).get("selfSigned") or {}
    former = [name for name in ("caRotateInterval", "certRotateInterval", "caOverlapInterval") if signed.get(name)]
    if former and (signed.get("ca") or signed.get("server")):
        return [Cause(f"{path}.{former[0]}", f"{former[0]} conflicts with ca and server")]
    try:
        terms = certificates.terms_of({"spec": spec})
    except InvalidDuration as error:
        return [Cause(path, str(error))]
    spans = (("ca", terms.ca_duration, terms.ca_renew_before), ("server", terms.leaf_duration, terms.leaf_renew_before))
    found = [Cause(f"{path}.{name}.duration", "must be positive") for name, whole, _ in spans if whole <= timedelta()]
    found += [
        Cause(f"{path}.{name}.renewBefore", "must be less than the duration")
        for name, whole, before in spans
        if before >= whole
    ]
    if terms.leaf_duration > terms.ca_duration:
        found.append(Cause(f"{path}.server.duration", "must not be longer than the CA's duration"))
    return found


def _replicas(spec: Json) -> list[Cause]:
    replicas = (spec.get("infra") or {}).get("replicas")
    if replicas is not None and replicas < 1:
        return [Cause("spec.infra.replicas", "infra replica count can't be 0")]
    if (spec.get("workloads") or {}).get("replicas") is not None:
        return [Cause("spec.workloads.replicas", "virt-handler runs once on every node: replicas cannot be set")]
    return []


def _tls(spec: Json) -> list[Cause]:
    tls = (spec.get("configuration") or {}).get("tlsConfiguration") or {}
    if tls.get("ciphers") and tls.get("minTLSVersion") in (None, "", "VersionTLS13"):
        return [
            Cause(
                "spec.configuration.tlsConfiguration.ciphers",
                "You cannot specify ciphers when spec.configuration.tlsConfiguration.minTLSVersion is empty or "
                "VersionTLS13",
            )
        ]
    return []


def _overhead(spec: Json) -> list[Cause]:
    path, said = "additionalGuestMemoryOverheadRatio", (spec.get("configuration") or {})
    ratio = said.get(path)
    if ratio is None:
        return []
    try:
        smaller = float(ratio) < 1.0
    except ValueError:
        wrong = f'cannot be parsed into float: strconv.ParseFloat: parsing "{ratio}": invalid syntax'
    else:
        wrong = "cannot be smaller than 1.0" if smaller else ""
    cause = Cause(f"spec.configuration.{path}", f"ratio provided, {ratio}, {wrong}", "FieldValueNotSupported")
    return [cause] if wrong else []


def _flags(spec: Json) -> list[Cause]:
    said = (spec.get("customizeComponents") or {}).get("flags") or {}
    path = "spec.customizeComponents.flags"
    return [
        Cause(f"{path}.{component}.{flag}", f"the verbosity is a number from 0 to 9, not {text!r}")
        for component, flags in said.items()
        for flag, text in (flags or {}).items()
        if flag.lower() == VERBOSITY_FLAG and not (len(text) == 1 and text in "0123456789")
    ]


def _counts(spec: Json) -> list[Cause]:
    """What counts something is not negative; a schema of CRDs has no word for that type."""
    migrations = (spec.get("configuration") or {}).get("migrations") or {}
    named = ("parallelMigrationsPerCluster", "parallelOutboundMigrationsPerNode")
    return [
        Cause(f"spec.configuration.migrations.{name}", f"{name} must be greater than or equal to 0, got {count}")
        for name in named
        if (count := migrations.get(name)) is not None and count < 0
    ]


def _migration_network(spec: Json) -> list[Cause]:
    network = ((spec.get("configuration") or {}).get("migrations") or {}).get("network")
    if not network or _ATTACHMENT.fullmatch(network):
        return []
    text = f"must be the name of a NetworkAttachmentDefinition, [<namespace>/]<name>, not {network!r}"
    return [Cause("spec.configuration.migrations.network", text)]


#: fields whose effect is not built yet: refused where set, never silently ignored
UNSUPPORTED: tuple[tuple[str, ...], ...] = (
    ("workloadUpdateStrategy", "workloadUpdateMethods"),
    ("synchronizationPort",),
    ("configuration", "migrations", "experimental"),
    ("configuration", "mediatedDevicesConfiguration"),
    ("configuration", "permittedHostDevices"),
    ("configuration", "ksmConfiguration"),
    ("configuration", "tlsConfiguration"),
    ("configuration", "hypervisors"),
)


def _unsupported(spec: Json) -> list[Cause]:
    found = []
    for path in UNSUPPORTED:
        value: Any = spec
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value:
            found.append(Cause(f"spec.{'.'.join(path)}", "this field is not supported yet"))
    return found


def _patches(kubevirt: Json) -> list[Cause]:
    path = "spec.customizeComponents.patches"
    settings = settings_of(kubevirt, kubevirt["metadata"].get("namespace", ""), Images())
    if not settings.patches:
        return []
    try:
        objects = desired.objects(settings, b"")
    except PatchError as error:
        return [Cause(path, str(error))]
    known = {(ref.kind.lower(), ref.name) for ref in objects}
    return [
        Cause(f"{path}[{index}].resourceName", f"there is no {each.kind} {each.name} to patch")
        for index, each in enumerate(settings.patches)
        if (each.kind.lower(), each.name) not in known
    ]
