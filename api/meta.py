"""Kubernetes object metadata, label selectors and conditions: the meta/v1 subset that the kinds carry."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from api.marks import ATOMIC_LIST, ATOMIC_MAP, SET_LIST, Int64, Mark, NullableTime, Time, default, map_list
from api.view import View


class OwnerReference(View, frozen=True, kw_only=True):
    """Another object that owns this one: when it goes, the garbage collector takes this one too."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    api_version: str
    """Group and version of the owner, such as kubevirt.io/v1."""
    kind: str
    """Kind of the owner."""
    name: str
    """Name of the owner, in the same namespace (or cluster-scoped)."""
    uid: str
    """UID of the owner: a new object of the same name is a stranger."""
    controller: bool | None = None
    """True on the one owner that manages this object."""
    block_owner_deletion: bool | None = None
    """True holds a foreground deletion of the owner until this object is gone."""


class ManagedFieldsEntry(View, frozen=True, kw_only=True):
    """Which fields one manager wrote; server-side apply keeps these."""

    api_version: str = ""
    """Version in which the field set is expressed."""
    fields_type: str = ""
    """Format of the field set; FieldsV1 is the only one."""
    fields_v1: dict[str, Any] = {}
    """The field set itself, a tree of field names."""
    manager: str = ""
    """Who wrote: the client's field manager."""
    operation: str = ""
    """How it wrote: Apply or Update."""
    subresource: str = ""
    """Through which subresource it wrote, empty for the main one."""
    time: Time | None = None
    """When the manager last changed its set."""


class ObjectMeta(View, frozen=True, kw_only=True):
    """Identity, labels and life-cycle stamps of an object."""

    name: str = ""
    """Unique within kind and namespace; fixed at creation."""
    namespace: str = ""
    """Namespace the object lives in; empty for cluster-scoped kinds."""
    uid: str = ""
    """Unique in space and time; given by the API server."""
    labels: dict[str, str] = {}
    """Keys and values that selectors match on."""
    annotations: dict[str, str] = {}
    """Keys and values that nothing selects on."""
    generate_name: str = ""
    """Prefix from which the server makes a name when none is given."""
    generation: Int64 = 0
    """Counts the changes of the wanted state (spec)."""
    resource_version: str = ""
    """Opaque version of the stored object, for optimistic locking."""
    creation_timestamp: NullableTime = None
    """When the server stored the object."""
    deletion_timestamp: Time | None = None
    """Set once deletion was asked for; the object stays until its finalizers are gone."""
    deletion_grace_period_seconds: Int64 | None = None
    """Seconds granted to shut down when deletion was asked for."""
    finalizers: Annotated[tuple[str, ...], SET_LIST] = ()
    """Names of those who must clean up before the object may go."""
    owner_references: Annotated[tuple[OwnerReference, ...], map_list("uid")] = ()
    """Objects this one depends on."""
    managed_fields: Annotated[tuple[ManagedFieldsEntry, ...], ATOMIC_LIST] = ()
    """Bookkeeping of server-side apply."""
    self_link: str = ""
    """A relic; servers no longer fill it."""


class LabelSelectorRequirement(View, frozen=True, kw_only=True):
    """One test on a label."""

    key: str
    """Label to look at."""
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Candidates for In and NotIn; empty for the other two."""


class LabelSelector(View, frozen=True, kw_only=True):
    """Chooses objects by label; every part must hold. The empty selector matches everything."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    match_labels: dict[str, str] = {}
    """Labels that must have exactly these values."""
    match_expressions: Annotated[tuple[LabelSelectorRequirement, ...], ATOMIC_LIST] = ()
    """Tests that must all pass."""


class Condition(View, frozen=True, kw_only=True):
    """One aspect of an object's state, as every kubevirt.io kind reports it (identified by `type`)."""

    type: str
    """Which aspect, such as Ready."""
    status: str
    """True, False or Unknown."""
    reason: str = ""
    """One CamelCase word for programs: why the status is what it is."""
    message: str = ""
    """A sentence for people."""
    last_probe_time: NullableTime = None
    """When the aspect was last looked at; null where nobody probes."""
    last_transition_time: NullableTime = None
    """When the status last changed."""


class LocalObjectReference(View, frozen=True, kw_only=True):
    """An object of a known kind in the same namespace."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    name: Annotated[str, default("")] = ""
    """Name of the object."""
