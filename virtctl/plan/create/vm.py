"""`virtctl create vm`: the order in which flags become a manifest.

Volumes come in the fixed boot order Containerdisk > PVC > DataSource > Clone PVC > Blank > Imported volumes, unless the
user gave another. Instance type and preference are inferred last: from the disk that boots first, if they can be. What
is inferred without having been asked for may fail in the cluster (the failure is ignored there, and the memory
stays as a fallback); what was asked for must succeed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from virtctl.failure import CommandFailed
from virtctl.plan.create import imports, login, volumes
from virtctl.plan.create.params import checked_quantity, prefixed, wrong
from virtctl.plan.create.wish import Draft, Wish

Json = dict[str, Any]
RUN_STRATEGIES: Final = ("Always", "Manual", "Halted", "Once", "RerunOnFailure")
_STEPS: Final = (volumes.container_disks, volumes.claims, imports.imported, volumes.sysprep, login.logins)
_INFERRED_FROM: Final = ("pvc", "registry", "snapshot")


def virtual_machine(wish: Wish, fresh: Callable[[], str]) -> tuple[Json, list[str]]:
    """The manifest, and what to warn of. Raises CommandFailed."""
    checked_quantity("memory", wish.memory)
    draft = Draft(wish, fresh)
    if "run-strategy" in wish.said:
        draft.spec["runStrategy"] = _run_strategy(wish.run_strategy)
    if wish.instancetype:
        draft.spec["instancetype"] = _named("instancetype", wish.instancetype)
        del draft.guest["domain"]["memory"]
    if wish.preference:
        draft.spec["preference"] = _named("preference", wish.preference)
    for step in _STEPS:
        step(draft)
    _infer(draft)
    return draft.manifest, draft.warnings


def _run_strategy(text: str) -> str:
    for known in RUN_STRATEGIES:
        if known.lower() == text.lower():
            return known
    raise wrong("run-strategy", f'invalid run strategy "{text}", supported values are: {", ".join(RUN_STRATEGIES)}')


def _named(what: str, text: str) -> Json:
    """Without a kind, the cluster takes the cluster-wide one."""
    kind, name = prefixed(what, text)
    kind = kind.lower()
    kinds = (f"virtualmachine{what}", f"virtualmachinecluster{what}")
    if kind not in ("", *kinds):
        raise wrong(what, f'invalid {what} kind "{kind}", supported values are: {", ".join(kinds)}')
    return {"kind": kind, "name": name} if kind else {"name": name}


def _infer(draft: Draft) -> None:
    wish = draft.wish
    if wish.infer_instancetype and not wish.instancetype and "memory" not in wish.said:
        asked = bool(wish.said & {"infer-instancetype", "infer-instancetype-from"})
        if _inferred(draft, "instancetype", wish.infer_instancetype_from, asked) and asked:
            del draft.guest["domain"]["memory"]
    if wish.infer_preference and not wish.preference:
        asked = bool(wish.said & {"infer-preference", "infer-preference-from"})
        _inferred(draft, "preference", wish.infer_preference_from, asked)


def _inferred(draft: Draft, what: str, source: str, asked: bool) -> bool:
    try:
        volume = source or _boots_first(draft)
        _check_source(draft, volume)
    except CommandFailed:
        if asked:
            raise
        return False
    draft.spec[what] = {"inferFromVolume": volume}
    if not asked:
        draft.spec[what]["inferFromVolumeFailurePolicy"] = "Ignore"
    return True


def _boots_first(draft: Draft) -> str:
    if not draft.guest.get("volumes"):
        raise CommandFailed("at least one volume is needed to infer an instance type or preference")
    if draft.boot_orders:
        return draft.boot_orders[min(draft.boot_orders)]
    return str(draft.volumes[0]["name"])


def _check_source(draft: Draft, name: str) -> None:
    volume = draft.volume(name)
    if volume is None:
        raise CommandFailed(f'there is no volume with name "{name}"')
    if "persistentVolumeClaim" in volume:
        return
    if "dataVolume" not in volume:
        raise CommandFailed("inference of instancetype or preference works only with datasources, datavolumes or pvcs")
    templates = {each["metadata"]["name"]: each["spec"] for each in draft.spec["dataVolumeTemplates"]}
    spec = templates[volume["dataVolume"]["name"]]
    if "sourceRef" not in spec and not set(spec["source"]) & set(_INFERRED_FROM):
        raise CommandFailed(
            "this datavolume is not valid to infer an instancetype or preference from"
            " (source needs to be PVC, Registry or Snapshot, sourceRef needs to be DataSource)"
        )
