"""One decision: from what is there to what must be done next.

```
 no KubeVirt ──► keep the operator's own certificate
 KubeVirt    ──► finalizer ► certificates ► objects (accounts first, then all the rest) ► status
 deleted     ──► see `removal`
```
A settled installation plans nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import certificates, desired, removal, rollout, status
from .actions import Action, Apply, Delete, Issue, MakeAuthority, PatchStatus, Plan, SetFinalizers
from .bundle import bundle_object, bundle_text
from .certificates import Authority
from .identity import Ref, contains, deployment_id, hash_of, ref_of
from .names import CA_CONFIGMAP
from .observed import Observed
from .patches import PatchError
from .removal import FINALIZER
from .settings import Settings, settings_of

Json = dict[str, Any]


def decide(seen: Observed, now: datetime) -> Plan:
    chosen, others = choose(seen)
    flags = tuple(_flag(each, now) for each in others if not _flagged(each))
    if chosen is None:
        plan, _ = _certificates(seen, None, now)
    elif chosen["metadata"].get("deletionTimestamp"):
        plan = removal.decide(seen, chosen, now)
    else:
        plan = _install(seen, chosen, now)
    return Plan(stages=_stages(flags, *plan.stages), again_in=plan.again_in)


def choose(seen: Observed) -> tuple[Json | None, list[Json]]:
    """The KubeVirt object that counts (the oldest in our namespace), and those that do not."""
    ours = [each for each in seen.kubevirts if each["metadata"].get("namespace") == seen.own.namespace]
    ours.sort(key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"]))
    chosen = ours[0] if ours else None
    return chosen, [each for each in seen.kubevirts if each is not chosen]


def _install(seen: Observed, kubevirt: Json, now: datetime) -> Plan:
    finalizers = tuple(kubevirt["metadata"].get("finalizers") or ())
    if FINALIZER not in finalizers:
        return Plan(stages=((_finalizers(kubevirt, (*finalizers, FINALIZER)),),))
    keep, trusted = _certificates(seen, kubevirt, now)
    settings = settings_of(kubevirt, seen.own.namespace, seen.own.images)
    if not trusted:
        return keep
    try:
        wanted = desired.objects(settings, bundle_text(trusted).encode(), seen.prometheus)
    except PatchError as error:
        report = _status(seen, kubevirt, settings, status.Situation.FAILED, str(error), now)
        return Plan(stages=_stages(keep.actions, report), again_in=keep.again_in)
    stale = {ref for ref, body in wanted.items() if _differs(ref, body, seen)}
    surplus = [_delete(ref, body) for ref, body in seen.managed.items() if _is_surplus(ref, wanted, seen)]
    due = [ref for ref in sorted(stale) if ref not in seen.managed or _may(ref, seen, frozenset(stale))]
    staged: list[list[Action]] = [[] for _ in range(len(desired.STAGES) + 1)]
    for ref in due:
        staged[desired.stage_of(ref.kind)].append(Apply(body=wanted[ref]))
    situation, message = _situation(seen, kubevirt, settings, wanted, pending=bool(stale))
    report = _status(seen, kubevirt, settings, situation, message, now)
    staged[-1] += surplus
    return Plan(stages=_stages(keep.actions, report, *staged), again_in=keep.again_in)


def _certificates(seen: Observed, kubevirt: Json | None, now: datetime) -> tuple[Plan, tuple[Authority, ...]]:
    """What keeps certificates fresh, and whom to trust: nobody while the first authority is being made."""
    terms, own = certificates.terms_of(kubevirt), seen.own.namespace
    needed = certificates.wanted(own, installed=kubevirt is not None)
    plan = certificates.plan(needed, seen.held, terms, now)
    if plan.make_authority:
        making = MakeAuthority(seconds=terms.ca_duration.total_seconds())
        return Plan(stages=((making,),)), ()
    actions: list[Action] = [Issue(wanted=each, seconds=terms.leaf_duration.total_seconds()) for each in plan.issue]
    if kubevirt is not None:
        body = bundle_object(own, plan.trusted)
        present = seen.managed.get(Ref("ConfigMap", own, CA_CONFIGMAP))
        if present is None or present.get("data") != body["data"]:
            actions.append(Apply(body=body))
    return Plan(stages=(tuple(actions),), again_in=plan.again_in), plan.trusted


def _differs(ref: Ref, body: Json, seen: Observed) -> bool:
    actual = seen.managed.get(ref)
    if actual is None or hash_of(actual) != hash_of(body):
        return True
    known_whole = actual.get("kind") != "PartialObjectMetadata"
    return known_whole and (ref, hash_of(body)) not in seen.settled and not contains(actual, body)


def _is_surplus(ref: Ref, wanted: dict[Ref, Json], seen: Observed) -> bool:
    """Managed by an earlier release or setting, not wanted any more; CRDs and certificates are never surplus."""
    kept = ("CustomResourceDefinition", "Secret", "ConfigMap")
    return ref not in wanted and ref.kind not in kept and bool(hash_of(seen.managed[ref]))


def _may(ref: Ref, seen: Observed, stale: frozenset[Ref]) -> bool:
    return rollout.may_update(ref, seen.own.namespace, seen.managed, stale)


def _situation(
    seen: Observed, kubevirt: Json, settings: Settings, wanted: dict[Ref, Json], *, pending: bool
) -> tuple[status.Situation, str]:
    """What is asked for anew has arrived when every pod is as it should be; then one of each component is enough."""
    old = kubevirt.get("status") or {}
    missing = _first(rollout.problem, wanted, seen) or ("objects are being written" if pending else "")
    if pending and seen.failure:
        return status.Situation.FAILED, seen.failure
    if not old.get("observedKubeVirtVersion"):
        return (status.Situation.DEPLOYING, missing) if missing else (status.Situation.READY, "")
    if outage := _first(rollout.outage, wanted, seen):
        return status.Situation.DOWN, outage
    if missing and (pending or old.get("observedDeploymentID") != deployment_id(settings)):
        return status.Situation.UPDATING, missing
    weakness = _first(rollout.weakness, wanted, seen)
    return (status.Situation.WEAKENED, weakness) if weakness else (status.Situation.READY, "")


def _first(wrong: Callable[[Ref, Json | None], str | None], wanted: dict[Ref, Json], seen: Observed) -> str:
    found = (wrong(ref, seen.managed.get(ref)) for ref in sorted(wanted))
    return next((text for text in found if text), "")


def _status(
    seen: Observed, kubevirt: Json, settings: Settings, situation: status.Situation, message: str, now: datetime
) -> list[Action]:
    new = status.installing(
        kubevirt,
        settings,
        seen.managed,
        situation=situation,
        message=message,
        operator_version=seen.own.version,
        architecture=seen.own.architecture,
        now=stamp(now),
    )
    return [] if new == kubevirt.get("status") else [patch_status(kubevirt, new)]


def patch_status(kubevirt: Json, new: Json) -> PatchStatus:
    return PatchStatus(ref=ref_of(kubevirt), version=kubevirt["metadata"]["resourceVersion"], status=new)


def _finalizers(kubevirt: Json, names: tuple[str, ...]) -> SetFinalizers:
    return SetFinalizers(ref=ref_of(kubevirt), version=kubevirt["metadata"]["resourceVersion"], finalizers=names)


def _flag(kubevirt: Json, now: datetime) -> PatchStatus:
    return patch_status(kubevirt, status.surplus(kubevirt, stamp(now)))


def _flagged(kubevirt: Json) -> bool:
    listed = (kubevirt.get("status") or {}).get("conditions") or []
    return any(each.get("reason") == "ExistingDeployment" for each in listed)


def _delete(ref: Ref, body: Json) -> Delete:
    return Delete(ref=ref, uid=body["metadata"]["uid"])


def _stages(*stages: Any) -> tuple[tuple[Action, ...], ...]:
    return tuple(tuple(stage) for stage in stages if stage)


def stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
