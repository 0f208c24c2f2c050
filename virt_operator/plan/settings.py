"""What one installation looks like: read from the KubeVirt object and from the operator's own image."""

from __future__ import annotations

from typing import Any, Final

import msgspec

Json = dict[str, Any]

DEFAULT_PREFIX: Final = "localhost/podvirt"
DEFAULT_TAG: Final = "v0.1.0"
DEFAULT_NAMESPACE: Final = "kubevirt"


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
    aggregate_roles: bool = True

    def config_text(self) -> str:
        """For `status.targetDeploymentConfig`."""
        return msgspec.json.encode(self, order="deterministic").decode()


def settings_of(kubevirt: Json, namespace: str, own_images: Images) -> Settings:
    """`namespace` is where the operator runs; `own_images` those of its own release."""
    spec = kubevirt.get("spec") or {}
    infra, workloads = spec.get("infra") or {}, spec.get("workloads") or {}
    configuration = spec.get("configuration") or {}
    patches = (spec.get("customizeComponents") or {}).get("patches") or ()
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
            for each in patches
        ),
        aggregate_roles=configuration.get("roleAggregationStrategy") != "Manual",
    )
