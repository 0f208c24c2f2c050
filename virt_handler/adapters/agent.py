"""The agent's one loop: for a VMI UID, look at the world, plan, perform the plan's actions one after another.

watch of VMIs ─┐
watch of pods ─┼─► queue of VMI UIDs ─► observe ─► plan.guest.plan ─► perform ─► look again
sockets ───────┤
reports ───────┘
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from virt_handler.adapters import pod_wiring
from virt_handler.adapters.guest import Guest
from virt_handler.adapters.launcher_settings import LauncherSettings
from virt_handler.adapters.migrations import Migrations
from virt_handler.adapters.observer import Observer
from virt_handler.adapters.panics import Panics
from virt_handler.adapters.records import Record, Records
from virt_handler.adapters.session import Session
from virt_handler.adapters.sockets import SocketFinder
from virt_handler.plan import guest as guest_plan
from virt_handler.plan import steps
from virt_handler.plan.network import NetworkError
from virt_handler.plan.patch import runner_guard, status_patch
from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError, LauncherRefused, LauncherUnreachable
from virt_ipc.messages import SyncRequest
from virt_runtime.clock import Clock
from virt_runtime.errors import Conflict, NotFound
from virt_runtime.events import EventRecorder
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES

LOG = logging.getLogger(__name__)
Json = dict[str, Any]
Seen = steps.Observed
Perform = Callable[[Guest, Seen, Any], Awaitable[None]]


class Agent:
    def __init__(
        self, *, kube: KubeClient, recorder: EventRecorder, queue: WorkQueue, observer: Observer,
        finder: SocketFinder, records: Records, settings: LauncherSettings, clock: Clock, migrations: Migrations,
        panics: Panics, may_run_until: Callable[[], float],
    ) -> None:  # fmt: skip
        """`may_run_until()`: how long guests with a watchdog may run, by CLOCK_BOOTTIME."""
        self._kube, self._recorder, self._queue, self._observer = kube, recorder, queue, observer
        self._finder, self._records, self._settings, self._clock = finder, records, settings, clock
        self._guests: dict[str, Guest] = {}
        self._may_run_until = may_run_until
        self._perform: dict[type[Any], Perform] = {
            steps.Ask: self._ask,
            steps.Connect: self._connect,
            steps.SetUpNetwork: self._set_up_network,
            steps.Sync: self._sync,
            steps.Wind: self._wind,
            steps.Resume: self._resume,
            steps.Signal: self._signal,
            steps.Kill: self._kill,
            steps.Dismiss: self._dismiss,
            steps.Forget: self._forget,
            steps.WriteStatus: self._write_status,
            steps.Tell: self._tell,
            steps.CountPanic: panics.count,
            **migrations.performers(),
        }

    async def reconcile(self, uid: str) -> float | None:
        """One look at one VMI; gives the seconds until the next. Raises ApiError for the loop to retry."""
        guest = await self._guest(uid)
        seen = await self._observer.observe(guest)
        plan = guest_plan.plan(seen)
        for action in plan.actions:
            try:
                await self._perform[type(action)](guest, seen, action)
            except (IpcError, NetworkError, OSError) as error:
                return self._failed(guest, action, error)
        if plan.actions and uid in self._guests:
            self._queue.add(uid)
        return plan.again_in

    async def _guest(self, uid: str) -> Guest:
        """What we hold of a VMI. When another pod matters than before, nothing is kept of what was done for the old."""
        guest = self._guests.setdefault(uid, Guest(uid))
        pod = self._observer.pod(guest)
        if pod is None or pod["metadata"]["uid"] == guest.pod_uid:
            return guest
        await guest.close()
        fresh = self._guests[uid] = Guest(uid, pod["metadata"]["uid"], guest.latest)
        record = self._records.read(uid)
        if record is not None and record.pod_uid != fresh.pod_uid:
            self._records.remove(uid)
        return fresh

    def identify(self, uid: str) -> Json:
        """For log lines: the VMI, as far as it is known."""
        guest = self._guests.get(uid)
        return about(guest.latest if guest else None, kind="VirtualMachineInstance", uid=uid)

    def left_the_watch(self, uid: str) -> None:
        """The VMI is deleted or another node's: what we remember of it is worth nothing, the API is asked."""
        if guest := self._guests.get(uid):
            guest.latest = None
        self._queue.add(uid)

    def running(self) -> list[tuple[Json, LauncherClient]]:
        """The VMI of each guest that runs here, and its launcher."""
        return [
            (guest.latest, guest.session.client)
            for guest in self._guests.values()
            if guest.latest is not None
            and guest.session is not None
            and guest.domain is not None
            and guest.domain.alive
            and guest.runs_here
        ]

    def running_guest(self, uid: str) -> tuple[Json, LauncherClient] | None:
        """The same of one VMI."""
        return next((each for each in self.running() if each[0]["metadata"]["uid"] == uid), None)

    def any_guarded(self) -> bool:
        return any(guest.guarded for guest in self._guests.values())

    async def wind(self, until: float) -> None:
        """Wind up the watchdogs that may let their guests run longer, and look again at guests that wait for theirs."""
        for guest in self._guests.values():
            if guest.domain is not None and guest.domain.absent and not guest.domain.guarded:
                self._queue.add(guest.uid)
        behind = [guest for guest in self._guests.values() if guest.guarded and guest.wound_until < until]
        ends = await asyncio.gather(*(self._wind_up(guest, until) for guest in behind), return_exceptions=True)
        for guest, failed in zip(behind, ends, strict=True):
            if isinstance(failed, IpcError):
                LOG.warning("the watchdog is not wound up: %s", failed, extra=self.identify(guest.uid))
            elif failed is not None:
                raise failed

    async def _wind_up(self, guest: Guest, until: float) -> None:
        if guest.session is not None:
            await guest.session.client.wind(until)
            guest.wound_until = until

    def connected(self) -> int:
        """How many launchers we are in touch with."""
        return sum(guest.session is not None for guest in self._guests.values())

    async def close(self) -> None:
        """Let go of every guest and leave it as it is."""
        for guest in self._guests.values():
            await guest.close()

    def _failed(self, guest: Guest, action: steps.Action, error: Exception) -> float:
        """A launcher that does not answer is asked again; whatever else went wrong is shown in the VMI."""
        LOG.warning("%s: %s", type(action).__name__, error, extra=self.identify(guest.uid))
        now = self._clock.monotonic()
        if isinstance(error, LauncherUnreachable) or isinstance(action, steps.Connect):
            if guest.session is not None:
                guest.session.lost = True
            return guest.failed("", now)
        guest.network_broken = isinstance(error, NetworkError)
        wait = guest.failed(_sentence(error), now)
        self._queue.add(guest.uid)
        return wait

    # --- the launcher

    async def _connect(self, guest: Guest, seen: Seen, _action: object) -> None:
        descriptor = self._finder.open(guest.pod_uid)
        if descriptor is None:
            return
        self._record(guest, seen)
        guest.session = Session(
            descriptor,
            on_change=lambda: self._queue.add(guest.uid),
            answered=lambda whether: guest.answered(whether, self._clock.monotonic()),
        )
        await guest.session.open(self._settings.capability_cache(seen.pod))

    def _say(self, guest: Guest, seen: Seen, what: str) -> None:
        took = self._clock.monotonic() - seen.now
        LOG.info("%s in %.3f s", what, took, extra=self.identify(guest.uid))

    def _record(self, guest: Guest, seen: Seen) -> None:
        if seen.vmi is None or self._records.read(guest.uid) is not None:
            return
        metadata = seen.vmi["metadata"]
        self._records.write(
            Record(
                name=metadata["name"], namespace=metadata["namespace"], uid=guest.uid, pod_uid=guest.pod_uid,
                socketFile=self._finder.path(guest.pod_uid),
            )
        )  # fmt: skip

    async def _set_up_network(self, guest: Guest, seen: Seen, _action: object) -> None:
        record = self._records.read(guest.uid)
        assert guest.session is not None and seen.vmi is not None and record is not None
        guest.wiring = await pod_wiring.make(guest.session.socket_path, seen.vmi, record, self._records)
        guest.worked()
        self._say(guest, seen, "network ready")

    async def _sync(self, guest: Guest, seen: Seen, _action: object) -> None:
        assert guest.session is not None and seen.vmi is not None and guest.wiring is not None
        options = self._settings.sync_options(seen.vmi, guest.wiring.wirings, seen.pod)
        vmi = self._settings.encoded(seen.vmi)
        guest.session.heard(await guest.session.client.sync(SyncRequest(vmi=vmi, options=options)))
        guest.worked()
        self._say(guest, seen, "domain made")
        await self._settings.learn(seen.pod, guest.session.client)

    async def _wind(self, guest: Guest, _seen: Seen, _action: object) -> None:
        await self._wind_up(guest, self._may_run_until())
        guest.worked()

    async def _resume(self, guest: Guest, seen: Seen, _action: object) -> None:
        assert guest.session is not None
        guest.resumed(seen.now)
        await guest.session.client.unpause()

    async def _signal(self, guest: Guest, seen: Seen, _action: object) -> None:
        assert guest.session is not None
        guest.stopping_since = seen.now if guest.stopping_since is None else guest.stopping_since
        await guest.session.client.shutdown()
        guest.signalled_at = seen.now

    async def _kill(self, guest: Guest, _seen: Seen, _action: object) -> None:
        assert guest.session is not None
        await guest.session.client.kill()
        guest.killed = True

    async def _dismiss(self, guest: Guest, _seen: Seen, _action: object) -> None:
        assert guest.session is not None
        try:
            await guest.session.client.delete()
        except LauncherRefused:
            guest.killed = False  # a guest still runs in it
            raise
        guest.dismissed = True

    async def _forget(self, guest: Guest, _seen: Seen, _action: object) -> None:
        await guest.close()
        self._finder.forget(guest.pod_uid)
        self._records.remove(guest.uid)
        self._guests.pop(guest.uid, None)

    # --- the API

    async def _ask(self, guest: Guest, seen: Seen, _action: object) -> None:
        name = self._name_of(guest, seen)
        if name is None:
            guest.proven_gone = True  # neither a pod nor a record: nobody here needs it
            return
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, *name)
        except NotFound:
            guest.proven_gone = True
            return
        guest.proven_gone = vmi["metadata"]["uid"] != guest.uid
        guest.latest = None if guest.proven_gone else vmi

    def _name_of(self, guest: Guest, seen: Seen) -> tuple[str, str] | None:
        if seen.pod is not None:
            owners = seen.pod["metadata"].get("ownerReferences") or ()
            found = [owner["name"] for owner in owners if owner.get("uid") == guest.uid]
            return (seen.pod["metadata"]["namespace"], found[0]) if found else None
        record = self._records.read(guest.uid)
        return (record.namespace, record.name) if record else None

    async def _write_status(self, guest: Guest, seen: Seen, action: steps.WriteStatus) -> None:
        assert seen.vmi is not None
        ops = status_patch(seen.vmi, action.status, action.labels, action.annotations)
        if not ops:
            return
        metadata = seen.vmi["metadata"]
        try:
            guest.latest = await self._kube.json_patch(
                VIRTUAL_MACHINE_INSTANCES, metadata["namespace"], metadata["name"], [*runner_guard(seen.vmi), *ops]
            )
        except NotFound:
            guest.latest, guest.proven_gone = None, True
        except Conflict:  # what we knew is old
            guest.latest = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, metadata["namespace"], metadata["name"])
            raise

    async def _tell(self, _guest: Guest, seen: Seen, action: steps.Tell) -> None:
        if seen.vmi is not None:
            self._recorder.emit(seen.vmi, action.kind, action.reason, action.message)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error)
