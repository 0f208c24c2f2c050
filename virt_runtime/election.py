"""One leader among the replicas of a component, by a coordination.k8s.io Lease.

The leader renews at leisure; the others only read. A lease counts as dead when it was not *seen to change* for its
whole duration on our own monotonic clock: clocks of two hosts are never compared. An identity that already holds the
lease goes on with it, so that a container restarted in its pod leads again at once (the kubelet never runs two).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable

from .clock import Clock, RealClock, rfc3339_micro
from .errors import AlreadyExists, ApiError, Conflict, NotFound
from .kube import KubeClient
from .resources import LEASES, Json

LOG = logging.getLogger(__name__)
DURATION = 25.0
RENEW_EVERY = 8.0
GIVE_UP_AFTER = 18.0
LOOK_EVERY = 2.0


class LeadershipLost(Exception):
    """The lease went to another or could not be renewed in time: the process must end."""


def default_identity() -> str:
    """The pod's name in a pod; elsewhere something nobody else has."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}-{secrets.token_hex(4)}"


class LeaderElector:
    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        name: str,
        identity: str | None = None,
        *,
        duration: float = DURATION,
        renew_every: float = RENEW_EVERY,
        give_up_after: float = GIVE_UP_AFTER,
        look_every: float = LOOK_EVERY,
        clock: Clock | None = None,
    ) -> None:
        self._kube, self._namespace, self._name = kube, namespace, name
        self.identity = identity or default_identity()
        self._duration, self._renew_every = duration, renew_every
        self._give_up_after, self._look_every = give_up_after, look_every
        self._clock = clock or RealClock()
        self._seen_version = ""
        self._seen_at = 0.0
        self.is_leader = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, run `lead` while it is ours, give it back at the end. Raises `LeadershipLost`."""
        lease = await self._acquire()
        self.is_leader = True
        LOG.info("%s leads %s", self.identity, self._name)
        work = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew(lease))
        try:
            await asyncio.wait({work, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_leader = False
            lost = renewing.exception() if renewing.done() and not renewing.cancelled() else None
            await _stop(work)
            await _stop(renewing)
            if lost is None:
                await self._release()
        if lost is not None:
            raise LeadershipLost(f"{self._name}: {lost}") from lost
        if not work.cancelled():
            work.result()

    async def _acquire(self) -> Json:
        while True:
            try:
                lease = await self._try_acquire()
                if lease is not None:
                    return lease
            except (Conflict, AlreadyExists):
                LOG.debug("another took %s first", self._name)
            except ApiError as error:
                LOG.warning("cannot read lease %s: %s", self._name, error)
            await asyncio.sleep(self._look_every)

    async def _try_acquire(self) -> Json | None:
        try:
            lease = await self._kube.get(LEASES, self._namespace, self._name)
        except NotFound:
            return await self._kube.create(LEASES, self._namespace, self._new_lease())
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in ("", None, self.identity) or self._seen_dead(lease):
            return await self._write(lease, taking=True)
        return None

    def _seen_dead(self, lease: Json) -> bool:
        version, now = lease["metadata"]["resourceVersion"], self._clock.monotonic()
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, now
            return False
        return now - self._seen_at > float((lease.get("spec") or {}).get("leaseDurationSeconds") or self._duration)

    async def _renew(self, lease: Json) -> None:
        renewed_at = self._clock.monotonic()
        wait = self._renew_every
        while True:
            await asyncio.sleep(wait)
            try:
                lease = await self._write(lease, taking=False)
            except ApiError as error:
                if self._clock.monotonic() - renewed_at > self._give_up_after or isinstance(error, NotFound):
                    raise
                lease = await self._look_again(lease)
                wait = 1.0
            else:
                renewed_at, wait = self._clock.monotonic(), self._renew_every

    async def _look_again(self, lease: Json) -> Json:
        """After a failed renewal: the present lease if it is still ours; the old copy if nobody answers."""
        try:
            present = await self._kube.get(LEASES, self._namespace, self._name)
        except ApiError:
            return lease
        if (holder := (present.get("spec") or {}).get("holderIdentity")) != self.identity:
            raise LeadershipLost(f"{holder or 'nobody'} holds the lease")
        return present

    async def _write(self, lease: Json, *, taking: bool) -> Json:
        spec = dict(lease.get("spec") or {})
        now = rfc3339_micro(self._clock.now())
        if taking and spec.get("holderIdentity") != self.identity:
            spec |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        spec |= {"holderIdentity": self.identity, "leaseDurationSeconds": int(self._duration), "renewTime": now}
        return await self._kube.replace(LEASES, self._namespace, self._name, {**lease, "spec": spec})

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(3):
                lease = await self._kube.get(LEASES, self._namespace, self._name)
                if lease["spec"].get("holderIdentity") == self.identity:
                    spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._kube.replace(LEASES, self._namespace, self._name, {**lease, "spec": spec})
        except (ApiError, TimeoutError) as error:
            LOG.warning("lease %s not given back, it will run out: %s", self._name, error)

    def _new_lease(self) -> Json:
        now = rfc3339_micro(self._clock.now())
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": int(self._duration),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        }


async def _stop(task: asyncio.Future[None]) -> None:
    if not task.done():
        task.cancel()
    await asyncio.wait({task})
