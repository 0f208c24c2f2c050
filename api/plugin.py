"""Plugin: what a cluster's administrator adds to VMs of all kinds."""

from __future__ import annotations

from typing import Annotated

from api.marks import ATOMIC_LIST, Mark, crd_enum
from api.meta import ObjectMeta
from api.view import View

_FILLED = Mark(crd={"minLength": 1})
FailureStrategy = Annotated[str, crd_enum("Fail", "Ignore")]
HookPoint = Annotated[
    str,
    crd_enum(
        "PreVMStart",
        "PostVMStart",
        "PreVMStop",
        "PostVMStop",
        "PreMigrationSource",
        "PostMigrationSource",
        "PreMigrationTarget",
        "PostMigrationTarget",
    ),
]


class CELDomainHook(View, frozen=True, kw_only=True):
    """A change of the domain, as an expression."""

    expression: Annotated[str, _FILLED]
    """The expression, in CEL."""


class SidecarDomainHook(View, frozen=True, kw_only=True):
    """A change of the domain, by a program beside the guest."""

    socket_path: Annotated[str, _FILLED]
    """Socket of the program."""


class DomainHook(View, frozen=True, kw_only=True):
    """A change of the libvirt domain; one of the two forms."""

    cel: CELDomainHook | None = None
    """By an expression."""
    sidecar: SidecarDomainHook | None = None
    """By a program."""
    condition: str = ""
    """CEL expression: for which VMs this change is made."""
    failure_strategy: FailureStrategy = ""
    """Whether a failure is one of the VM's: Fail (the default) or Ignore."""
    timeout: str | None = None
    """How long the change may take."""


class NodeHook(View, frozen=True, kw_only=True):
    """A program on the node that is called at turns of a VM's life."""

    socket: Annotated[str, _FILLED]
    """Where the program listens."""
    permitted_hooks: Annotated[tuple[HookPoint, ...], ATOMIC_LIST, Mark(crd={"minItems": 1})]
    """The turns."""
    condition: str = ""
    """CEL expression: for which VMs it is called."""
    failure_strategy: FailureStrategy = ""
    """Whether its failure is one of the VM's."""
    timeout: str | None = None
    """How long a call may take."""


class AdmissionReference(View, frozen=True, kw_only=True):
    """An object about admission that belongs to the plugin."""

    name: Annotated[str, _FILLED]
    """Name of that object."""


class PluginSpec(View, frozen=True, kw_only=True):
    """What is added, and for which VMs."""

    condition: str = ""
    """CEL expression: for which VMs at all."""
    failure_strategy: FailureStrategy = ""
    """What holds where a hook does not say."""
    domain_hooks: Annotated[tuple[DomainHook, ...], ATOMIC_LIST] = ()
    """Changes of the domain, in order."""
    node_hooks: Annotated[tuple[NodeHook, ...], ATOMIC_LIST] = ()
    """Calls on the node, in order."""
    mutating_admission_policies: Annotated[tuple[AdmissionReference, ...], ATOMIC_LIST] = ()
    """Its MutatingAdmissionPolicies."""
    validating_admission_policies: Annotated[tuple[AdmissionReference, ...], ATOMIC_LIST] = ()
    """Its ValidatingAdmissionPolicies."""
    mutating_admission_webhooks: Annotated[tuple[AdmissionReference, ...], ATOMIC_LIST] = ()
    """Its MutatingWebhookConfigurations."""
    validating_admission_webhooks: Annotated[tuple[AdmissionReference, ...], ATOMIC_LIST] = ()
    """Its ValidatingWebhookConfigurations."""


class PluginStatus(View, frozen=True, kw_only=True):
    """Nothing is told."""


class Plugin(View, frozen=True, kw_only=True):
    """An addition to VMs."""

    api_version: str = ""
    """Group and version of the plugin."""
    kind: str = ""
    """Plugin."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the plugin."""
    spec: PluginSpec
    """What the plugin adds."""
    status: PluginStatus = PluginStatus()
    """Empty."""
