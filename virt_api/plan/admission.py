"""From an AdmissionReview to its answer, without touching the world.

```
 mutating:    schema of the raw object ─► defaults ─► JSON patch of /metadata, /spec, /status
 validating:  rules ─► nothing, or causes
```
The schema is asked first and in the mutating webhook, because clients have seen that one name itself in such answers.
An update that leaves the spec alone is not judged again: our own components write a VM's or VMI's status and
finalizers many times, and a rule that came later must not keep an old object from being deleted.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from api.crd.kinds import KINDS
from api.schema_check import check, fill_required
from virt_api.plan.causes import Cause, Refusal, refuse
from virt_api.plan.defaults.migration import created_migration
from virt_api.plan.defaults.vm import created_vm, updated_vm
from virt_api.plan.defaults.vmi import Chance, created_vmi
from virt_api.plan.reading import Raw, find, has, table, text
from virt_api.plan.rules import migration as migration_rules
from virt_api.plan.rules.migration import MigrationNews
from virt_api.plan.rules.migration_policy import policy_causes
from virt_api.plan.rules.replicaset import replicaset_causes
from virt_api.plan.rules.vm import vm_causes, vm_warnings
from virt_api.plan.rules.vmi import created_causes, updated_causes
from virt_api.plan.unsupported import refused_kind
from virt_api.plan.users import User, user_of
from virt_model.config import ClusterConfig
from virt_model.idle_kinds import IDLE_KINDS, creation_path

REPLICASET = "VirtualMachineInstanceReplicaSet"
_PATCHED = ("metadata", "spec", "status")


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What an admission may know besides the request itself. `namespace` is where our components live."""

    config: ClusterConfig
    namespace: str
    chance: Chance
    news: MigrationNews = MigrationNews(vmi=None, others=())


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an AdmissionRequest that is looked at; `old` is empty at creation."""

    operation: str
    old: Raw
    new: Raw
    user: User

    @property
    def creates(self) -> bool:
        return self.operation == "CREATE"

    @property
    def changes_spec(self) -> bool:
        return self.creates or find(self.old, "spec") != find(self.new, "spec")

    @property
    def ends(self) -> bool:
        """The object is being deleted: what only finalizers keep is not judged any more."""
        return has(self.new, "metadata", "deletionTimestamp")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """No (`refusal`), or yes; `stored` is the object as it should be stored, where that differs from the request's."""

    refusal: Refusal | None = None
    stored: Raw | None = None
    warnings: tuple[str, ...] = ()


def _mutate_vm(request: Request, world: World) -> Verdict:
    if not request.changes_spec:
        return Verdict()
    if refusal := _schema(request, "VirtualMachine"):
        return Verdict(refusal=refusal)
    vm = fill_required("VirtualMachine", request.new)
    if request.creates:
        return Verdict(stored=created_vm(vm, world.config, world.chance))
    return Verdict(stored=updated_vm(vm, world.config))


def _mutate_vmi(request: Request, world: World) -> Verdict:
    if request.changes_spec and (refusal := _schema(request, "VirtualMachineInstance")):
        return Verdict(refusal=refusal)
    if request.creates:
        vmi = fill_required("VirtualMachineInstance", request.new)
        stored = created_vmi(vmi, world.config, world.chance)
        if request.user.ours and (revision := text(request.new, "status", "virtualMachineRevisionName")):
            stored["status"]["virtualMachineRevisionName"] = revision  # which only the creator of a VM's VMI knows
        return Verdict(stored=stored)
    if request.user.ours:
        return Verdict()
    kept = {key: value for key, value in request.new.items() if key != "status"}
    return Verdict(stored=kept | ({"status": request.old["status"]} if "status" in request.old else {}))


def _mutate_migration(request: Request, world: World) -> Verdict:
    if refusal := _schema(request, "VirtualMachineInstanceMigration"):
        return Verdict(refusal=refusal)
    return Verdict(stored=created_migration(request.new))


def _validate_vm(request: Request, world: World) -> Verdict:
    if not request.changes_spec or request.ends:
        return Verdict()
    refusal = refuse(vm_causes(request.new, request.user, world.config))
    return Verdict(refusal=refusal, warnings=() if refusal else tuple(vm_warnings(request.new)))


def _validate_new_vmi(request: Request, world: World) -> Verdict:
    return Verdict(refusal=refuse(created_causes(request.new, request.user, world.config)))


def _validate_changed_vmi(request: Request, world: World) -> Verdict:
    return Verdict(refusal=refuse(updated_causes(request.old, request.new, request.user, world.config)))


def _validate_replicaset(request: Request, world: World) -> Verdict:
    if not request.changes_spec:
        return Verdict()
    refusal = _schema(request, REPLICASET) or refuse(replicaset_causes(request.new, request.user, world.config))
    return Verdict(refusal=refusal)


def _validate_new_migration(request: Request, world: World) -> Verdict:
    return Verdict(refusal=migration_rules.refused_creation(request.new, world.news))


def _validate_changed_migration(request: Request, world: World) -> Verdict:
    return Verdict(refusal=migration_rules.refused_update(request.old, request.new))


def _validate_policy(request: Request, world: World) -> Verdict:
    return Verdict(refusal=refuse(policy_causes(request.new)) if request.changes_spec else None)


def _refuse(kind: str) -> Callable[[Request, World], Verdict]:
    return lambda _request, _world: Verdict(refusal=refused_kind(kind))


NEW_MIGRATION = "/migration-validate-create"
ADMISSIONS: dict[str, Callable[[Request, World], Verdict]] = {
    "/virtualmachines-mutate": _mutate_vm,
    "/virtualmachineinstances-mutate": _mutate_vmi,
    "/migration-mutate-create": _mutate_migration,
    "/virtualmachines-validate": _validate_vm,
    "/virtualmachineinstances-validate-create": _validate_new_vmi,
    "/virtualmachineinstances-validate-update": _validate_changed_vmi,
    "/virtualmachinereplicaset-validate": _validate_replicaset,
    NEW_MIGRATION: _validate_new_migration,
    "/migration-validate-update": _validate_changed_migration,
    "/migration-policy-validate-create": _validate_policy,
    **{creation_path(KINDS[kind].plural): _refuse(kind) for kind in IDLE_KINDS},
}


def prepare() -> None:
    """Build the schemas now, which the first review would else wait for."""
    for kind in ("VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration", REPLICASET):
        check(kind, {"spec": {}})


def answer(path: str, request: Raw, world: World) -> Raw:
    """The AdmissionReview that answers `request` (the `request` of one) at a path of `ADMISSIONS`."""
    new = table(request, "object")
    verdict = ADMISSIONS[path](
        Request(
            operation=text(request, "operation"),
            old=table(request, "oldObject"),
            new=new,
            user=user_of(table(request, "userInfo"), world.namespace),
        ),
        world,
    )
    return review(request, verdict)


def review(request: Raw, verdict: Verdict) -> Raw:
    """The AdmissionReview that says `verdict` to the `request` of one."""
    response = {"uid": text(request, "uid"), **_response(verdict, table(request, "object"))}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _response(verdict: Verdict, new: Raw) -> Raw:
    response: Raw = {"allowed": verdict.refusal is None}
    if verdict.refusal is not None:
        response["status"] = verdict.refusal.status()
    elif verdict.stored is not None and (patch := patch_between(new, verdict.stored)):
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(msgspec.json.encode(patch)).decode()}
    if verdict.warnings:
        response["warnings"] = list(verdict.warnings)
    return response


def patch_between(before: Raw, after: Raw) -> list[dict[str, Any]]:
    """JSON Patch operations, one for each top-level part that differs."""
    patch: list[dict[str, Any]] = []
    for part in _PATCHED:
        if part in after and before.get(part) != after[part]:
            patch.append({"op": "add", "path": f"/{part}", "value": after[part]})
        elif part in before and part not in after:
            patch.append({"op": "remove", "path": f"/{part}"})
    return patch


def _schema(request: Request, kind: str) -> Refusal | None:
    return refuse([Cause(message=message) for message in check(kind, request.new)])
