"""What one installation looks like: read from the KubeVirt object and from the operator's own image."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from virt_model.config import FLAGGED

Json = dict[str, Any]

DEFAULT_PREFIX: Final = "localhost/podvirt"
DEFAULT_TAG: Final = "v0.1.0"
DEFAULT_NAMESPACE: Final = "kubevirt"
#: what podvirt is a part of, for who looks for all that belongs to it: the fields, and the labels they become
PRODUCT_FIELDS: Final = {
    "productName": "app.kubernetes.io/part-of",
    "productVersion": "app.kubernetes.io/version",
    "productComponent": "app.kubernetes.io/component",
}
DEFAULT_COMPONENT: Final = "kubevirt"
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
#: a flag that components read from the KubeVirt object while they run, beside their other log settings
VERBOSITY_FLAG: Final = "v"


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """All component images live side by side: `<prefix>/<component>:<tag>`."""

    prefix: str = DEFAULT_PREFIX
    tag: str = DEFAULT_TAG

    def ref(self, component: str) -> str:
        return f"{self.prefix}/{component}:{self.tag}"

    @classmethod
    def of(cls, image: str) -> Images:
        """Prefix and tag of one component's image; a digest, which fits no other component, is dropped."""
        path, _, _digest = image.partition("@")
        prefix, _, name = path.rpartition("/")
        _, colon, tag = name.partition(":")
        return cls(prefix=prefix, tag=tag if colon else "latest")


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where pods may run; wire form of the Kubernetes fields."""

    node_selector: dict[str, str] = {}
    affinity: Json = {}
    tolerations: tuple[Json, ...] = ()

    @classmethod
    def of(cls, raw: Json) -> Placement:
        return cls(
            node_selector=raw.get("nodeSelector") or {},
            affinity=raw.get("affinity") or {},
            tolerations=tuple(raw.get("tolerations") or ()),
        )


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `customizeComponents.patches`."""

    kind: str
    name: str
    type: str
    patch: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the rendered objects depend on, and nothing else: same settings, same objects."""

    namespace: str = DEFAULT_NAMESPACE
    images: Images = Images()
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[Json, ...] = ()
    replicas: int | None = None
    infra: Placement = Placement()
    workloads: Placement = Placement()
    patches: tuple[Patch, ...] = ()
    flags: dict[str, dict[str, str]] = {}
    """More words for a component's command line, by the component's name; `v` is not among them."""
    product_labels: dict[str, str] = {}
    aggregate_roles: bool = True
    migration_network: str = ""
    """A NetworkAttachmentDefinition, `[<namespace>/]<name>`; "" for none."""

    def config_text(self) -> str:
        """For `status.targetDeploymentConfig`."""
        return msgspec.json.encode(self, order="deterministic").decode()


def settings_of(kubevirt: Json, namespace: str, own_images: Images) -> Settings:
    """`namespace` is where the operator runs; `own_images` those of its own release."""
    spec = kubevirt.get("spec") or {}
    infra, workloads = spec.get("infra") or {}, spec.get("workloads") or {}
    configuration = spec.get("configuration") or {}
    custom = spec.get("customizeComponents") or {}
    return Settings(
        namespace=namespace,
        images=Images(
            prefix=spec.get("imageRegistry") or own_images.prefix, tag=spec.get("imageTag") or own_images.tag
        ),
        pull_policy=spec.get("imagePullPolicy") or configuration.get("imagePullPolicy") or "IfNotPresent",
        pull_secrets=tuple(spec.get("imagePullSecrets") or ()),
        replicas=infra.get("replicas"),
        infra=Placement.of(infra.get("nodePlacement") or {}),
        workloads=Placement.of(workloads.get("nodePlacement") or {}),
        patches=tuple(
            Patch(kind=each["resourceType"], name=each["resourceName"], type=each["type"], patch=each["patch"])
            for each in custom.get("patches") or ()
        ),
        flags=_flags(custom.get("flags") or {}),
        product_labels=_product_labels(spec),
        migration_network=(configuration.get("migrations") or {}).get("network") or "",
        aggregate_roles=configuration.get("roleAggregationStrategy") != "Manual",
    )


def _flags(said: Json) -> dict[str, dict[str, str]]:
    """Lower case, as the original has it."""
    listed = {
        FLAGGED[key]: {name.lower(): text for name, text in flags.items() if name.lower() != VERBOSITY_FLAG}
        for key, flags in said.items()
        if key in FLAGGED and flags
    }
    return {component: flags for component, flags in listed.items() if flags}


def is_label_value(text: str) -> bool:
    return bool(_LABEL_VALUE.fullmatch(text))


def _product_labels(spec: Json) -> dict[str, str]:
    said = {"productComponent": DEFAULT_COMPONENT} | {field: spec[field] for field in PRODUCT_FIELDS if spec.get(field)}
    return {PRODUCT_FIELDS[field]: text for field, text in said.items() if is_label_value(text)}
