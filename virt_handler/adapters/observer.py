"""What is known of one VMI right now, from the caches, the launcher's socket and what the agent did: no decisions."""

from __future__ import annotations

import os
from typing import Any

from virt_handler.adapters.guest import Guest, newest
from virt_handler.adapters.records import Records
from virt_handler.adapters.session import nobody_listens
from virt_handler.adapters.sockets import SocketFinder
from virt_handler.plan.guest import Launcher, Observed
from virt_handler.plan.network import pod_addresses
from virt_handler.plan.pod import compute_ended
from virt_model import labels, names
from virt_runtime.clock import Clock, rfc3339
from virt_runtime.store import Store

Json = dict[str, Any]
BY_UID, BY_VMI = "uid", "vmi"


def vmi_uid_of(pod: Json) -> str:
    """UID of the VMI that a launcher pod was made for, "" for other pods."""
    return str((pod["metadata"].get("labels") or {}).get(labels.CREATED_BY) or "")


class Observer:
    def __init__(
        self, *, vmis: Store, pods: Store, finder: SocketFinder, records: Records, clock: Clock, ip_family: int
    ) -> None:
        self._vmis, self._pods, self._finder, self._records = vmis, pods, finder, records
        self._clock, self._ip_family = clock, ip_family
        vmis.add_index(BY_UID, lambda vmi: (vmi["metadata"]["uid"],))
        pods.add_index(BY_VMI, lambda pod: (vmi_uid_of(pod),))

    async def observe(self, guest: Guest) -> Observed:
        vmi = self.vmi(guest)
        pod = self.pod(guest.uid, vmi)
        if pod is not None:
            guest.pod_uid = pod["metadata"]["uid"]
        launcher = await self._launcher(guest, pod)
        if launcher is Launcher.DEAD and guest.dead_since is None:
            guest.dead_since = self._clock.monotonic()
        wirings = guest.wiring.wirings if guest.wiring else ()
        return Observed(
            vmi=vmi, proven_gone=guest.proven_gone, pod=pod, launcher=launcher, dead_since=guest.dead_since,
            domain=guest.domain,
            network=guest.network, problem=guest.problem, retry_at=guest.retry_at, signalled_at=guest.signalled_at,
            stopping_since=guest.stopping_since, resume_at=guest.resume_at,
            killed=guest.killed, dismissed=guest.dismissed,
            addresses={wiring.network: pod_addresses(wiring, self._ip_family) for wiring in wirings},
            now=self._clock.monotonic(), wall=rfc3339(self._clock.now()),
        )  # fmt: skip

    def vmi(self, guest: Guest) -> Json | None:
        """The newest state that the watch or an answer showed; an object that left the watch was asked for again."""
        if guest.proven_gone:
            return None
        watched = self._vmis.by_index(BY_UID, guest.uid)
        guest.latest = newest(watched[0] if watched else None, guest.latest)
        return guest.latest

    def pod(self, uid: str, vmi: Json | None) -> Json | None:
        """The VMI's launcher pod: the one with the name that its UID asks for, whatever labels others carry."""
        for pod in self._pods.by_index(BY_VMI, uid):
            if vmi is None:
                return pod
            metadata = vmi["metadata"]
            expected = (metadata["namespace"], names.launcher_pod_name(metadata["name"], uid))
            if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == expected:
                return pod
        return None

    def named(self, namespace: str, name: str) -> tuple[str, str] | None:
        """(pod UID, VMI UID) of a VMI's launcher on this node."""
        vmi = self._vmis.get(f"{namespace}/{name}")
        if vmi is None:
            return None
        uid = vmi["metadata"]["uid"]
        pod = self.pod(uid, vmi)
        return (pod["metadata"]["uid"], uid) if pod else None

    async def _launcher(self, guest: Guest, pod: Json | None) -> Launcher:
        if guest.session is not None and not guest.session.lost:
            return Launcher.CONNECTED
        await guest.disconnect()
        if pod is not None and compute_ended(pod):
            return Launcher.DEAD
        record = self._records.read(guest.uid)
        guest.pod_uid = guest.pod_uid or (record.pod_uid if record else "")
        if not guest.pod_uid:
            return Launcher.UNSEEN
        descriptor = self._finder.open(guest.pod_uid)
        if descriptor is not None:
            self._finder.forget(guest.pod_uid)
            dead = nobody_listens(descriptor)
            os.close(descriptor)
            return Launcher.DEAD if dead else Launcher.READY
        if record is not None and not self._finder.pod_directory_exists(guest.pod_uid):
            return Launcher.DEAD  # the kubelet removes a pod's directory after its last process
        if pod is not None:
            self._finder.await_socket(guest.pod_uid)
        return Launcher.UNSEEN
