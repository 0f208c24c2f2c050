"""What the operator can do to the cluster, as values."""

from __future__ import annotations

from typing import Any

import msgspec

from .certificates import Wanted
from .identity import Ref

Json = dict[str, Any]


class Apply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Server-side apply of a whole object."""

    body: Json


class Delete(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Delete a managed object, seen with this uid; dependents first."""

    ref: Ref
    uid: str


class DeleteWorkload(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Delete one VM or VMI at the end of an installation."""

    ref: Ref
    uid: str


class MakeAuthority(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A new CA in its Secret."""

    seconds: float


class Issue(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A new certificate in its Secret, signed by the present CA."""

    wanted: Wanted
    seconds: float


class PatchStatus(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Replace the status of a KubeVirt object, seen at this version."""

    ref: Ref
    version: str
    status: Json


class SetFinalizers(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    ref: Ref
    version: str
    finalizers: tuple[str, ...]


Action = Apply | Delete | DeleteWorkload | MakeAuthority | Issue | PatchStatus | SetFinalizers


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Stages one after the other; the actions of a stage all at once. `again_in` in seconds."""

    stages: tuple[tuple[Action, ...], ...] = ()
    again_in: float | None = None

    @property
    def actions(self) -> list[Action]:
        return [action for stage in self.stages for action in stage]
