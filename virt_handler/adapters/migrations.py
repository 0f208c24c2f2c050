"""What the agent does for a guest that comes or goes; when to do what is decided in `plan.migration_*`."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from virt_handler.adapters.farewell import say_in_pod
from virt_handler.adapters.guest import Guest, OpenEnd
from virt_handler.adapters.launcher_settings import LauncherSettings
from virt_handler.plan import migration_request, steps
from virt_handler.plan.migration_role import Move, Role, move_of
from virt_handler.plan.migration_status import OVER_ANNOTATIONS, OVER_LABELS, failed
from virt_handler.plan.patch import announcement, runner_patch, status_patch
from virt_ipc.messages import ReceiveRequest
from virt_ipc.migration import MigrateRequest, TakeOverRequest
from virt_model import labels
from virt_model.runner import runner_of
from virt_runtime.errors import Conflict, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS, VIRTUAL_MACHINE_INSTANCES

LOG = logging.getLogger(__name__)
Json = dict[str, Any]
Seen = steps.Observed
Perform = Callable[[Guest, Seen, Any], Awaitable[None]]


class Relays(Protocol):
    """Both ends of the way; `socket_path` is the launcher's on this node. Raise OSError."""

    async def open_source(self, move: Move, socket_path: str) -> OpenEnd: ...
    async def open_target(self, move: Move, socket_path: str, pod_uid: str) -> OpenEnd: ...


class Migrations:
    def __init__(self, kube: KubeClient, settings: LauncherSettings, relays: Relays) -> None:
        self._kube, self._settings, self._relays = kube, settings, relays

    def performers(self) -> dict[type[Any], Perform]:
        """By the action's type."""
        return {
            steps.OpenRelay: self._open_relay,
            steps.CloseRelay: self._close_relay,
            steps.Announce: self._announce,
            steps.Receive: self._receive,
            steps.Migrate: self._migrate,
            steps.AbortMigration: self._abort,
            steps.CompleteMigration: self._complete,
            steps.HandOver: self._hand_over,
            steps.TakeOver: self._take_over,
        }

    async def _open_relay(self, guest: Guest, seen: Seen, _action: object) -> None:
        assert guest.session is not None
        await guest.close_relay()
        move, socket_path = _move(seen), guest.session.socket_path
        if seen.role is Role.SOURCE:
            guest.relay = await self._relays.open_source(move, socket_path)
        else:
            guest.relay = await self._relays.open_target(move, socket_path, guest.pod_uid)

    async def _close_relay(self, guest: Guest, _seen: Seen, _action: object) -> None:
        await guest.close_relay()

    async def _announce(self, guest: Guest, seen: Seen, action: steps.Announce) -> None:
        assert seen.vmi is not None
        await self._patch(guest, seen.vmi, announcement(seen.vmi, action.migration_uid))

    async def _receive(self, guest: Guest, seen: Seen, action: steps.Receive) -> None:
        assert guest.session is not None and guest.wiring is not None and seen.vmi is not None
        options = self._settings.sync_options(seen.vmi, guest.wiring.wirings, seen.pod)
        vmi = self._settings.encoded(seen.vmi)
        request = ReceiveRequest(migration_uid=action.migration_uid, vmi=vmi, options=options)
        await guest.session.client.receive(request)
        guest.worked()

    async def _migrate(self, guest: Guest, seen: Seen, _action: object) -> None:
        assert guest.session is not None and seen.vmi is not None and guest.relay is not None
        move = _move(seen)
        told = msgspec.structs.asdict(migration_request.terms(seen.vmi, move, len(os.sched_getaffinity(0))))
        request = MigrateRequest(migration_uid=move.uid, libvirt_port=guest.relay.state.port, **told)
        await guest.session.client.migrate(request)

    async def _abort(self, guest: Guest, _seen: Seen, _action: object) -> None:
        assert guest.session is not None
        await guest.session.client.abort_migration()

    async def _complete(self, guest: Guest, _seen: Seen, _action: object) -> None:
        assert guest.session is not None
        await guest.session.client.complete_migration()

    async def _take_over(self, guest: Guest, _seen: Seen, action: steps.TakeOver) -> None:
        assert guest.session is not None
        request = TakeOverRequest(paused=action.paused, unfreeze_after=action.unfreeze_after)
        guest.session.heard(await guest.session.client.take_over(request))
        guest.worked()

    async def _hand_over(self, guest: Guest, seen: Seen, action: steps.HandOver) -> None:
        """Name the target's pod as the runner; where that pod is gone, the guest is lost, and the move has failed."""
        assert seen.vmi is not None
        move, metadata = _move(seen), seen.vmi["metadata"]
        pod = await self._pod(metadata["namespace"], move)
        if pod is None:
            status = failed(seen.vmi, "Target pod is down", seen.wall, aborted=False)
            ops = status_patch(seen.vmi, status, OVER_LABELS, OVER_ANNOTATIONS)
        else:
            runner = runner_of(seen.vmi).handed_to(pod["metadata"]["uid"])
            ops = [*runner_patch(seen.vmi, runner, action.annotations), *status_patch(seen.vmi, action.status)]
        if await self._patch(guest, seen.vmi, ops) and pod is not None:
            await self._farewell(guest)

    async def _patch(self, guest: Guest, vmi: Json, ops: list[Json]) -> bool:
        """Whether the VMI was what it was thought to be. What it says now is known afterwards: decide by that."""
        name = (vmi["metadata"]["namespace"], vmi["metadata"]["name"])
        try:
            guest.latest = await self._kube.json_patch(VIRTUAL_MACHINE_INSTANCES, *name, ops)
        except NotFound:
            guest.latest, guest.proven_gone = None, True
        except Conflict:  # somebody wrote meanwhile
            guest.latest = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, *name)
        else:
            return True
        return False

    async def _farewell(self, guest: Guest) -> None:
        """The guest is elsewhere for good: nobody shall wait for it here. Nothing depends on it."""
        assert guest.session is not None
        try:
            told = await say_in_pod(guest.session.socket_path)
        except OSError as error:
            LOG.warning("connections of a guest that has left are not reset: %s", error)
        else:
            LOG.info("%d connections of a guest that has left are reset", told)

    async def _pod(self, namespace: str, move: Move) -> Json | None:
        try:
            pod = await self._kube.get(PODS, namespace, move.target_pod)
        except NotFound:
            return None
        job = (pod["metadata"].get("labels") or {}).get(labels.MIGRATION_JOB_UID)
        return pod if job == move.uid else None


def _move(seen: Seen) -> Move:
    assert seen.vmi is not None
    move = move_of(seen.vmi)
    assert move is not None
    return move
