"""Configuration of our own components: client rates, TLS, helper containers, what is installed besides."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.cpu_memory import ResourceRequirementsWithoutClaims
from api.marks import NULLABLE, SET_LIST, Float, Int, crd_enum
from api.view import View


class TokenBucketRateLimiter(View, frozen=True, kw_only=True):
    """Calls pass while there are tokens; tokens come at a steady rate."""

    qps: Float
    """Tokens a second."""
    burst: Int
    """Tokens that can be saved up."""


class RateLimiter(View, frozen=True, kw_only=True):
    """Bound on calls to the API server."""

    token_bucket_rate_limiter: TokenBucketRateLimiter | None = None
    """By token bucket."""


class RESTClientConfiguration(View, frozen=True, kw_only=True):
    """A component's client of the API server."""

    rate_limiter: RateLimiter | None = None
    """How often it may call."""


class ReloadableComponentConfiguration(View, frozen=True, kw_only=True):
    """What a component takes over while it runs."""

    rest_client: RESTClientConfiguration | None = field(name="restClient", default=None)
    """Its client."""


class CommonInstancetypesDeployment(View, frozen=True, kw_only=True):
    """The common instance types."""

    enabled: Annotated[bool | None, NULLABLE] = None
    """Whether they are installed; absent means yes."""


class VirtTemplateDeployment(View, frozen=True, kw_only=True):
    """VM templates."""

    enabled: Annotated[bool | None, NULLABLE] = None
    """Whether their controller is installed; absent means yes."""


class CustomProfile(View, frozen=True, kw_only=True):
    """A seccomp profile; one of the two."""

    localhost_profile: str | None = None
    """File on the node, below the kubelet's directory."""
    runtime_default_profile: bool = False
    """True takes that of the container runtime."""


class VirtualMachineInstanceProfile(View, frozen=True, kw_only=True):
    """Seccomp for launchers."""

    custom_profile: CustomProfile | None = None
    """The profile."""


class SeccompConfiguration(View, frozen=True, kw_only=True):
    """Seccomp."""

    virtual_machine_instance_profile: VirtualMachineInstanceProfile | None = None
    """Profile of launchers."""


class SupportContainerResources(View, frozen=True, kw_only=True):
    """Resources of one type of helper container."""

    type: str
    """container-disk, hotplug-disk, virtiofs, sidecar, guest-console-log or vmexport."""
    resources: ResourceRequirementsWithoutClaims
    """What it asks for."""


class TLSConfiguration(View, frozen=True, kw_only=True):
    """TLS of our servers."""

    min_tls_version: Annotated[str, crd_enum("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")] = field(
        name="minTLSVersion", default=""
    )
    """Oldest version spoken; empty means 1.2."""
    ciphers: Annotated[tuple[str, ...], SET_LIST] = ()
    """Cipher suites for 1.2 and older."""
