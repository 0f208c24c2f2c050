"""Bringing a cluster up: every step looks at what is there first, so an interrupted run is resumed by the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from localcluster import paths
from localcluster.cluster import access, images, nodes, pki, store
from localcluster.cluster.api import Api
from localcluster.cluster.store import Store
from localcluster.host import addresses, links, needs
from localcluster.programs import binaries, kubectl, pause
from localcluster.render import objects
from localcluster.render.configs import PAUSE_IMAGE
from localcluster.render.places import CONTAINERD
from localcluster.render.spec import Spec, check_size
from localcluster.report import Report
from localcluster.trouble import Trouble
from localcluster.waiting import wait_for

T = TypeVar("T")

PATIENCE_SECONDS = 600
"""A machine where much else is starting is slow, not broken."""

INOTIFY = {"max_user_instances": 8192, "max_user_watches": 524288}
DEFAULT_SIZE = 2


def up(name: str, size: int | None, report: Report, *, ipv6: bool = False) -> Spec:
    """Make or resume cluster `name`, with `size` nodes (default: as many as it has, else two).

    `ipv6` decides for a new cluster whether it has both families; one that exists stays as it is.
    """
    needs.check(paths.CLUSTERS, paths.cache())
    needs.install(report)
    programs = binaries.build_all(paths.cache(), report)
    client = kubectl.path(paths.cache(), report)
    kubectl.offer(client)
    with store.locked(name):
        place = store.of(name)
        spec = _spec(place, size, ipv6=ipv6)
        with report.step("keys, network and nodes"):
            _start(place, spec, programs)
        with report.step("Kubernetes answers"):
            _populate(place, spec, programs)
        with report.step(f"nodes are ready: {spec.size}"):
            _wait_ready(place, spec)
        nodes.introduce(place, spec)
        access.write_own(place, spec)
        access.merge(client, place, spec)
    return spec


def _spec(place: Store, size: int | None, *, ipv6: bool) -> Spec:
    """The recorded cluster, grown if more nodes are asked for; or a new one on a free block."""
    if size is not None:
        check_size(size)
    if place.exists():
        spec = place.load()
        spec = replace(spec, size=max(spec.size, size or spec.size))
        place.save(spec)
        return spec
    with store.locked("addresses"):
        taken = [other.load().network.block for other in store.everyone()]
        network = addresses.choose([*taken, *addresses.used_here()])
        spec = Spec(name=place.name, network=network, size=size or DEFAULT_SIZE, ipv6=ipv6)
        place.save(spec)
    return spec


def _start(place: Store, spec: Spec, programs: Path) -> None:
    pki.make(spec, place.pki)
    access.write_own(place, spec)
    _room_for_watches()
    links.make_bridge(spec.name, spec.networks)
    links.route_services(spec.name, nodes.host_routes(spec))
    for node in spec.nodes:
        nodes.start(place, spec, node, programs)


def _room_for_watches() -> None:
    """Kernel limits that several kubelets on one machine run into; raised, never lowered."""
    for name, least in INOTIFY.items():
        knob = Path("/proc/sys/fs/inotify", name)
        if int(knob.read_text()) < least:
            knob.write_text(str(least))


def _while_running(place: Store, spec: Spec, what: str, probe: Callable[[], T | None]) -> T:
    """Wait for `probe`, patiently, but not for a node that has ended: nothing would come of it."""

    def attempt() -> T | None:
        for node in spec.nodes:
            if not nodes.running(place, node):
                raise Trouble(f"{node.name} ended while it started", f"read {place.logs(node.name)}/node.log")
        return probe()

    mend = f"read {place.root}/nodes/*/logs, or take the cluster down and up again"
    return wait_for(what, attempt, seconds=PATIENCE_SECONDS, mend=mend)


def _populate(place: Store, spec: Spec, programs: Path) -> None:
    """Objects of the cluster, and the pause image, which every pod needs."""
    api = Api(spec.api, place.pki)
    _while_running(place, spec, "an answer of the API", api.ready)
    for thing in objects.all_of(spec):
        _while_running(place, spec, f"{thing['kind']} {thing['metadata']['name']}", partial(api.apply, thing))
    archive = pause.image(paths.cache(), PAUSE_IMAGE)
    for node in spec.nodes:
        init = place.init_of(node.name)
        socket = Path(f"/proc/{init.pid if init else 0}/root{CONTAINERD}")
        _while_running(place, spec, f"containerd of {node.name}", socket.exists)
    images.load(place, programs / "ctr", [archive])


def _wait_ready(place: Store, spec: Spec) -> None:
    api = Api(spec.api, place.pki)
    for node in spec.nodes:
        _while_running(place, spec, f"{node.name} Ready", partial(api.node_is_ready, node.name))
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    _while_running(place, spec, "the default service account", partial(api.get, account))


def environment_kubeconfig() -> str:
    """The file that `up` merged into, for messages."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
