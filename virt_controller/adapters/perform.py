"""Actions of a plan as calls of the Kubernetes API, and the drive: plan, perform, until nothing is left to do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from virt_controller.plan.actions import Action, Create, Delete, Event, Kind, Merge, Patch, Plan, Question, Refusal
from virt_runtime import resources
from virt_runtime.errors import AlreadyExists, ApiError, Conflict, NotFound, TooManyRequests, Unreachable
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import Json, Resource

LOG = logging.getLogger(__name__)
RESOURCES: Final[dict[Kind, Resource]] = {
    Kind.VM: resources.VIRTUAL_MACHINES,
    Kind.VMI: resources.VIRTUAL_MACHINE_INSTANCES,
    Kind.POD: resources.PODS,
    Kind.NODE: resources.NODES,
    Kind.REVISION: resources.CONTROLLER_REVISIONS,
    Kind.REPLICASET: resources.VIRTUAL_MACHINE_INSTANCE_REPLICASETS,
    Kind.MIGRATION: resources.VIRTUAL_MACHINE_INSTANCE_MIGRATIONS,
    Kind.MAINTENANCE: resources.MAINTENANCES,
}
#: more steps than any object ever needs in one pass; what exceeds it, or writes the same twice, goes round in circles
MOST_STEPS: Final = 24

Emit = Callable[[Event], None]


class World(Protocol):
    """What a plan is made of; `refusal` is the last action that the API did not accept."""

    def after(self, action: Action, answer: Json | None) -> Any: ...


W = TypeVar("W", bound=World)


class Refused(ApiError):
    """An action was refused for a reason that only time or the user can mend. The plan has said so; back off."""

    def __init__(self) -> None:
        super().__init__(0, "Refused", "the API refused an action; the object's conditions tell why")


class Performer:
    """Performs one action and emits its events. Gives the object as the API answered, None when it is gone."""

    def __init__(self, kube: KubeClient, emit: Emit, learn: Callable[[Kind, Action, Json | None], None]) -> None:
        self._kube, self._emit, self._learn = kube, emit, learn

    async def __call__(self, action: Action) -> Json | Refusal | None:
        """Raises `Conflict` when the world has moved on, `ApiError` when the API cannot be used now."""
        answer = await self._call(action)
        if isinstance(answer, Refusal):
            return answer
        _log(action, answer)
        self._learn(action.kind, action, answer)
        self.tell(action.events)
        return answer

    def tell(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self._emit(event)

    async def _call(self, action: Action) -> Json | Refusal | None:
        if isinstance(action, Create):
            return await self._create(action)
        if isinstance(action, Delete):
            return await self._delete(action)
        return await self._change(action)

    async def _create(self, action: Create) -> Json | Refusal:
        resource, metadata = RESOURCES[action.kind], action.body["metadata"]
        try:
            return await self._kube.create(resource, metadata["namespace"], action.body)
        except AlreadyExists as error:
            present = await self._kube.get(resource, metadata["namespace"], metadata["name"])
            if _owner(present) == _owner(action.body):
                return present
            return Refusal(action=action, reason=error.reason, message=_in_the_way(present, error.message))
        except (Conflict, TooManyRequests, Unreachable):
            raise
        except ApiError as error:
            return Refusal(action=action, reason=error.reason, message=error.message)

    async def _delete(self, action: Delete) -> Json | Refusal | None:
        resource = RESOURCES[action.kind]
        try:
            answer = await self._kube.delete(
                resource, action.namespace, action.name, uid=action.uid or None, grace_seconds=action.grace_seconds
            )
        except (NotFound, Conflict):
            return None
        except (TooManyRequests, Unreachable):
            raise
        except ApiError as error:
            return Refusal(action=action, reason=error.reason, message=error.message)
        return None if _is_gone(action, answer) else answer

    async def _change(self, action: Patch | Merge) -> Json:
        resource, namespace = RESOURCES[action.kind], action.namespace or None
        try:
            if isinstance(action, Patch):
                return await self._kube.json_patch(
                    resource, namespace, action.name, action.ops, action.subresource or None
                )
            return await self._kube.strategic_patch(
                resource, namespace, action.name, action.body, action.subresource or None
            )
        except NotFound as error:
            raise Conflict(409, "Conflict", f"gone meanwhile: {error.message}") from error


def _log(action: Action, answer: Json | None) -> None:
    """What comes and goes is worth a line; what merely changes only to those who want every step."""
    if isinstance(action, Delete):
        which = about(kind=action.kind.value, namespace=action.namespace, name=action.name, uid=action.uid)
    else:
        which = about(answer, kind=action.kind.value)
    level = logging.INFO if isinstance(action, Create | Delete) else logging.DEBUG
    LOG.log(level, "%s: %s", type(action).__name__.lower(), action.why, extra=which)


def _owner(obj: Json) -> str:
    owners = obj["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def _in_the_way(present: Json, message: str) -> str:
    owners = present["metadata"].get("ownerReferences") or []
    owner = next((f" of {each['kind']} {each['name']}" for each in owners if each.get("controller")), "")
    return f"{message}: it is another's{owner}; delete it or choose another name"


def _is_gone(action: Delete, answer: Json) -> bool:
    """Whether a deletion took effect at once; else the answer is the object on its way out."""
    if answer.get("kind") == "Status":
        return True
    metadata = answer.get("metadata") or {}
    return not metadata.get("finalizers") and (
        action.kind is not Kind.POD or metadata.get("deletionGracePeriodSeconds", 0) == 0
    )


async def drive(
    world: W,
    plan: Callable[[W], Plan],
    ask: Callable[[W, Question], Awaitable[W | None]],
    perform: Performer,
) -> float | None:
    """Plan and perform until nothing is left; gives the seconds until the next look, if one is due by the clock."""
    last: Action | None = None
    for _ in range(MOST_STEPS):
        step = plan(world)
        if step.ask is not None:
            answered = await ask(world, step.ask)
            if answered is None:
                return None
            world = answered
        elif step.action is not None and step.action != last:
            last = step.action
            outcome = await perform(step.action)
            world = _after(world, step.action, outcome)
        elif step.action is None:
            perform.tell(step.events)
            if step.refused:
                raise Refused
            return step.again_in
        else:
            break
    raise RuntimeError(f"no end of steps: {step}")


async def nothing_to_ask(world: W, question: Question) -> W | None:
    """For a plan that is made from what is cached alone."""
    raise AssertionError(f"this plan asks nothing: {question}, {world}")


def _after(world: W, action: Action, outcome: Json | Refusal | None) -> W:
    changed: W
    if isinstance(outcome, Refusal):
        changed = msgspec.structs.replace(world, refusal=outcome)  # type: ignore[type-var]
    else:
        changed = world.after(action, outcome)
    return changed
