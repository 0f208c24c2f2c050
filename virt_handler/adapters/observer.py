"""What is known of one VMI right now, from the caches, the launcher's socket and what the agent did: no decisions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from virt_handler.adapters.guest import Guest
from virt_handler.adapters.records import Records
from virt_handler.adapters.session import nobody_listens
from virt_handler.adapters.sockets import SocketFinder
from virt_handler.plan.migration_role import Role, pod_here, role_of
from virt_handler.plan.network import pod_addresses
from virt_handler.plan.pod import compute_ended
from virt_handler.plan.steps import Guard, Launcher, Observed
from virt_model import labels
from virt_model.runner import runner_of
from virt_runtime.clock import Clock, rfc3339
from virt_runtime.store import Store, newest

Json = dict[str, Any]
BY_UID, BY_VMI = "uid", "vmi"


def vmi_uid_of(pod: Json) -> str:
    """UID of the VMI that a launcher pod was made for, "" for other pods."""
    return str((pod["metadata"].get("labels") or {}).get(labels.CREATED_BY) or "")


class Observer:
    def __init__(
        self, *, vmis: Store, incoming: Store, pods: Store, finder: SocketFinder, records: Records, clock: Clock,
        node: str, ip_family: int, guard_of: Callable[[Json], Guard] = lambda vmi: Guard(),
    ) -> None:  # fmt: skip
        """`vmis` are those of this node, `incoming` those that migrate to it."""
        self._watched, self._pods, self._finder, self._records = (vmis, incoming), pods, finder, records
        self._clock, self._node, self._ip_family, self._guard_of = clock, node, ip_family, guard_of
        for store in self._watched:
            store.add_index(BY_UID, lambda vmi: (vmi["metadata"]["uid"],))
        pods.add_index(BY_VMI, lambda pod: (vmi_uid_of(pod),))

    async def observe(self, guest: Guest) -> Observed:
        vmi = self.vmi(guest)
        pod = self.pod(guest)
        launcher = await self._launcher(guest, pod)
        if launcher is Launcher.DEAD and guest.dead_since is None:
            guest.dead_since = self._clock.monotonic()
        wirings = guest.wiring.wirings if guest.wiring else ()
        return Observed(
            vmi=vmi, proven_gone=guest.proven_gone, pod=pod, launcher=launcher, dead_since=guest.dead_since,
            unanswered_since=guest.unanswered_since,
            domain=guest.domain,
            network=guest.network, problem=guest.problem, retry_at=guest.retry_at, signalled_at=guest.signalled_at,
            stopping_since=guest.stopping_since, resume_at=guest.resume_at,
            killed=guest.killed, dismissed=guest.dismissed,
            addresses={wiring.network: pod_addresses(wiring, self._ip_family) for wiring in wirings},
            guard=Guard() if vmi is None else self._guard_of(vmi),
            role=Role.RUNNER if vmi is None else role_of(vmi, pod, guest.pod_uid, self._node), node=self._node,
            relay=guest.relay.state if guest.relay is not None else None,
            now=self._clock.monotonic(), wall=rfc3339(self._clock.now()),
        )  # fmt: skip

    def vmi(self, guest: Guest) -> Json | None:
        """The newest state that the watch or an answer showed; an object that left the watch was asked for again."""
        if guest.proven_gone:
            return None
        for store in self._watched:
            for watched in store.by_index(BY_UID, guest.uid):
                guest.latest = newest(watched, guest.latest)
        return guest.latest

    def pod(self, guest: Guest) -> Json | None:
        """The launcher pod here that matters to the VMI."""
        vmi, pods = self.vmi(guest), self._pods.by_index(BY_VMI, guest.uid)
        if vmi is None:
            mine = guest.pod_uid
            return min(pods, key=lambda pod: (compute_ended(pod), pod["metadata"]["uid"] != mine), default=None)
        return pod_here(vmi, pods, guest.pod_uid)

    def named(self, namespace: str, name: str) -> tuple[str, str] | None:
        """(pod UID, VMI UID) of the launcher on this node that runs a VMI."""
        vmi = self._watched[0].get(f"{namespace}/{name}")
        if vmi is None:
            return None
        uid = vmi["metadata"]["uid"]
        pods = self._pods.by_index(BY_VMI, uid)
        pod = next((pod for pod in pods if runner_of(vmi).is_pod(vmi, pod)), None)
        return (pod["metadata"]["uid"], uid) if pod else None

    def _ran_in(self, guest: Guest) -> str:
        """UID of the pod that the VMI was handed over with on this node, "" before that: it has been here."""
        vmi = self.vmi(guest)
        if vmi is None:
            return ""
        pods = (vmi.get("status") or {}).get("activePods") or {}
        runner = runner_of(vmi).pod_uid
        return next((uid for uid, node in pods.items() if node == self._node and runner in ("", uid)), "")

    async def _launcher(self, guest: Guest, pod: Json | None) -> Launcher:
        if guest.session is not None and not guest.session.lost:
            return Launcher.CONNECTED
        await guest.disconnect()
        if pod is not None and compute_ended(pod):
            return Launcher.DEAD
        record = self._records.read(guest.uid)
        begun_in = record.pod_uid if record else self._ran_in(guest)
        guest.pod_uid = guest.pod_uid or begun_in
        if not guest.pod_uid:
            return Launcher.UNSEEN
        descriptor = self._finder.open(guest.pod_uid)
        if descriptor is not None:
            self._finder.forget(guest.pod_uid)
            dead = nobody_listens(descriptor)
            os.close(descriptor)
            return Launcher.DEAD if dead else Launcher.READY
        if (record is not None or begun_in) and not self._finder.pod_directory_exists(guest.pod_uid):
            return Launcher.DEAD  # the kubelet removes a pod's directory after its last process
        if pod is not None:
            self._finder.await_socket(guest.pod_uid)
        return Launcher.UNSEEN
