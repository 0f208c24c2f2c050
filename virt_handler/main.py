"""virt-handler: the agent of one node. It makes the guests' networks, has their domains made, and reports on them."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from virt_handler.adapters import witnessing
from virt_handler.adapters.agent import Agent
from virt_handler.adapters.certificate import NodeCertificate
from virt_handler.adapters.console import console_app
from virt_handler.adapters.device_plugin import DevicePlugins, offers
from virt_handler.adapters.guest_actions import GuestActions
from virt_handler.adapters.guest_scrape import GuestScrape
from virt_handler.adapters.inotify import Watcher
from virt_handler.adapters.kvm_probe import kvm_problem
from virt_handler.adapters.launcher_settings import LauncherSettings, read_cache
from virt_handler.adapters.lease_keeper import LeaseKeeper
from virt_handler.adapters.migration_address import migration_address
from virt_handler.adapters.migration_relay import MigrationRelays
from virt_handler.adapters.migrations import Migrations, Relays
from virt_handler.adapters.node import Heartbeat, facts_of_image
from virt_handler.adapters.observer import Observer, vmi_uid_of
from virt_handler.adapters.panics import Panics
from virt_handler.adapters.peers import Peers
from virt_handler.adapters.records import Records
from virt_handler.adapters.sockets import SocketFinder
from virt_handler.adapters.witnessing import Witnessing
from virt_handler.plan.node_labels import wanted_labels
from virt_model import labels, paths
from virt_model.config import ClusterConfig, from_kubevirt
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.names import handler_server_name
from virt_model.version import VERSION
from virt_runtime import log
from virt_runtime.client_metrics import ClientObserver
from virt_runtime.clock import RealClock
from virt_runtime.events import EventRecorder
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop
from virt_runtime.metrics import Metrics
from virt_runtime.process import run_daemon, together, when_synced
from virt_runtime.queue import WorkQueue
from virt_runtime.queue_metrics import QueueMeter
from virt_runtime.reflector import Reflector
from virt_runtime.resources import KUBEVIRTS, NODES, PODS, VIRTUAL_MACHINE_INSTANCES
from virt_runtime.serve import operations_app, serving
from virt_runtime.store import Store
from virt_runtime.tls import ClientContexts, FileSource, ServingCertificate

COMPONENT = Component.HANDLER.value
LOG = logging.getLogger(COMPONENT)
WORKERS = 64
Json = dict[str, Any]


class Caches:
    """What the agent watches: its node, the launcher pods and the VMIs there or on their way there, the settings."""

    def __init__(self, kube: KubeClient, node: str, namespace: str) -> None:
        self.vmis, self.incoming, self.pods, self.nodes, self.kubevirts = Store(), Store(), Store(), Store(), Store()
        launchers = f"{labels.ROLE}={labels.ROLE_LAUNCHER}"
        self.of_vmis = Reflector(
            kube, VIRTUAL_MACHINE_INSTANCES, self.vmis, label_selector=f"{labels.NODE_NAME}={node}"
        )
        self.of_incoming = Reflector(
            kube, VIRTUAL_MACHINE_INSTANCES, self.incoming, label_selector=f"{labels.MIGRATION_TARGET_NODE_NAME}={node}"
        )
        self.of_pods = Reflector(
            kube, PODS, self.pods, label_selector=launchers, field_selector=f"spec.nodeName={node}"
        )
        self.of_kubevirts = Reflector(kube, KUBEVIRTS, self.kubevirts, namespace)
        self._of_nodes = Reflector(kube, NODES, self.nodes, field_selector=f"metadata.name={node}")

    async def run(self) -> None:
        reflectors = (self.of_vmis, self.of_incoming, self.of_pods, self.of_kubevirts, self._of_nodes)
        await together(*(each.run() for each in reflectors))

    async def synced(self) -> None:
        stores = (self.vmis, self.incoming, self.pods, self.nodes, self.kubevirts)
        await when_synced(*(store.synced for store in stores))

    def config(self) -> ClusterConfig:
        found = self.kubevirts.list()
        return from_kubevirt(found[0] if found else None)


class Node:
    """Everything of one node, wired."""

    def __init__(
        self, kube: KubeClient, metrics: Metrics, flags: argparse.Namespace, kvm_usable: bool, relays: Relays,
        peers: Peers,
    ) -> None:  # fmt: skip
        self._name, self._kvm_usable = flags.node_name, kvm_usable
        self._queue, self._watcher = WorkQueue(meter=QueueMeter(metrics, "virt-handler-vm")), Watcher()
        self._caches = Caches(kube, flags.node_name, flags.namespace)
        self._records = Records(flags.private_dir / "ghost-records")
        self._recorder = EventRecorder(kube, COMPONENT, flags.node_name)
        self._finder = SocketFinder(flags.pods_dir, self._watcher, self._pod_changed)
        clock = RealClock()
        self._lease = LeaseKeeper(
            kube, peers, self._caches.config, clock, node=flags.node_name, namespace=flags.namespace
        )
        self.observer = Observer(
            vmis=self._caches.vmis, incoming=self._caches.incoming, pods=self._caches.pods, finder=self._finder,
            records=self._records, clock=clock, node=flags.node_name,
            ip_family=ipaddress.ip_address(flags.pod_ip or "0.0.0.0").version, guard_of=self._lease.guard_of,
        )  # fmt: skip
        cache = read_cache(flags.capabilities_dir / "cache")
        settings = LauncherSettings(self._caches.config, kvm_usable, flags.launcher_image, cache)
        self.agent = Agent(
            kube=kube, recorder=self._recorder, queue=self._queue, observer=self.observer, finder=self._finder,
            records=self._records, clock=clock, settings=settings, migrations=Migrations(kube, settings, relays),
            panics=Panics(metrics), may_run_until=lambda: self._lease.until,
        )  # fmt: skip
        self.actions = GuestActions(self.agent.running_guest, self._recorder)
        metrics.gauge("kubevirt_virt_handler_ready_status").labels().set_function(lambda: self.unhealthy() is None)
        metrics.gauge("podvirt_virt_handler_launchers").labels().set_function(self.agent.connected)
        metrics.collect_with(GuestScrape(flags.node_name, self.agent.running))
        self._facts = facts_of_image(flags.capabilities_dir)
        for machine in self._facts.deprecated_machines if self._facts else ():
            metrics.gauge("kubevirt_node_deprecated_machine_types").labels(machine, flags.node_name).set(1)
        self._devices = DevicePlugins(offers(flags.max_devices, kvm_usable), flags.plugins_dir, self._watcher)
        self._heartbeat = Heartbeat(
            kube=kube, nodes=self._caches.nodes, name=flags.node_name, wanted=self._labels, ready=self._devices.ready,
            clock=clock, returned=self._lease.returned,
        )  # fmt: skip

    def unhealthy(self) -> str | None:
        """For /healthz: why this node is not managed yet, or None."""
        if not self._devices.ready.is_set():
            return "the kubelet has not taken the device plugins yet"
        return None if self._heartbeat.beaten.is_set() else "the API has not taken a heartbeat yet"

    def may_profile(self) -> bool:
        return self._caches.config().cluster_profiler

    def _labels(self) -> dict[str, str] | None:
        if self._facts is None:
            return None
        return wanted_labels(self._facts, self._kvm_usable, self._caches.config().obsolete_cpu_models)

    async def run(self) -> None:
        """Until cancelled; guests stay as they are."""
        try:
            await together(self._caches.run(), self._recorder.run(), self._devices.run(), self._work())
        finally:
            await self.agent.close()
            self._watcher.close()

    async def _work(self) -> None:
        await self._caches.synced()
        self._caches.of_kubevirts.subscribe(self._settings_changed)
        for watched in (self._caches.of_vmis, self._caches.of_incoming):
            watched.subscribe(self._vmi_moved)
        self._caches.of_pods.subscribe(self._pod_moved)
        for uid in self._records.uids():
            self._queue.add(uid)
        await together(
            Loop(COMPONENT, self._queue, self.agent.reconcile, self.agent.identify, WORKERS).run(),
            self._heartbeat.run(),
            self._lease.run(self.agent),
        )

    def _settings_changed(self, _old: Json | None, _new: Json | None) -> None:
        """Guests start by the new settings, labels follow with the next heartbeat; the log at once."""
        log.set_verbosity(self._caches.config().verbosity(COMPONENT, self._name))

    def _vmi_moved(self, old: Json | None, new: Json | None) -> None:
        if new is None:
            assert old is not None
            self.agent.left_the_watch(old["metadata"]["uid"])
            return
        if old is not None and old["metadata"]["uid"] != new["metadata"]["uid"]:
            self.agent.left_the_watch(old["metadata"]["uid"])
        self._queue.add(new["metadata"]["uid"])

    def _pod_moved(self, old: Json | None, new: Json | None) -> None:
        pod = new or old
        assert pod is not None
        if new is None:
            self._finder.forget(pod["metadata"]["uid"])
        if uid := vmi_uid_of(pod):
            self._queue.add(uid)

    def _pod_changed(self, pod_uid: str) -> None:
        for pod in self._caches.pods.list():
            if pod["metadata"]["uid"] == pod_uid and (uid := vmi_uid_of(pod)):
                self._queue.add(uid)


async def run(flags: argparse.Namespace) -> None:
    problem = await asyncio.to_thread(kvm_problem)
    LOG.info("KVM %s", f"is not usable: {problem}" if problem else "is usable")
    metrics = Metrics(rows_of(Component.HANDLER))
    metrics.gauge("kubevirt_info").labels(platform.python_version(), VERSION).set(1)
    certificate = NodeCertificate(flags.node_name, flags.namespace)
    await certificate.prepare()
    async with KubeClient.connect(flags.kubeconfig, COMPONENT, ClientObserver(metrics)) as kube:
        relays, peers = _relays(flags, certificate), _peers(kube, flags, certificate)
        node = Node(kube, metrics, flags, kvm_usable=not problem, relays=relays, peers=peers)
        consoles = console_app(flags.pods_dir, node.observer.named, node.actions)
        flags.state_dir.mkdir(parents=True, exist_ok=True)
        witnessing.add_routes(
            consoles,
            Witnessing(flags.state_dir / "lost-nodes.json"),
            lambda name: handler_server_name(name, flags.namespace),
        )
        trusted = ServingCertificate(certificate.pair, _bundle(flags.ca_file), clients_required=True)
        operations = operations_app(metrics, node.unhealthy, may_profile=node.may_profile)
        async with (
            serving(operations, flags.port, ServingCertificate(certificate.pair).context()),
            serving(consoles, flags.console_port, trusted.context()),
        ):
            await together(node.run(), certificate.run(kube))


def _relays(flags: argparse.Namespace, certificate: NodeCertificate) -> MigrationRelays:
    bundle = _bundle(flags.ca_file)
    return MigrationRelays(
        address=lambda: migration_address(flags.pod_ip), pods_dir=flags.pods_dir,
        name_of=lambda node: handler_server_name(node, flags.namespace),
        client=ClientContexts(bundle, certificate.pair).context,
        server=ServingCertificate(certificate.pair, bundle, clients_required=True).context,
        target_socket=paths.receiver_socket_on_node,
    )  # fmt: skip


def _peers(kube: KubeClient, flags: argparse.Namespace, certificate: NodeCertificate) -> Peers:
    return Peers(
        kube, node=flags.node_name, namespace=flags.namespace, port=flags.console_port,
        name_of=lambda node: handler_server_name(node, flags.namespace),
        tls=ClientContexts(_bundle(flags.ca_file), certificate.pair).context,
    )  # fmt: skip


def _bundle(ca_file: Path) -> Any:
    """The cluster's authority, once the operator has published it; until then nobody is trusted."""
    source = FileSource(ca_file)
    return lambda: source() if ca_file.exists() else b""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMPONENT, description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8443, help="metrics and health (default %(default)s)")
    add(
        "--console-port",
        type=int,
        default=8186,
        help="consoles, for virt-api; leases, for other nodes (default %(default)s)",
    )
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    add("--namespace", default="kubevirt", help="where podvirt is installed (default %(default)s)")
    add("--kubeconfig", help="a file; without it, the cluster this process runs in")
    add("--node-name", default=os.environ.get("NODE_NAME"), help="this node (default: $NODE_NAME)")
    add("--pod-ip", default=os.environ.get("MY_POD_IP", ""), help="own address (default: $MY_POD_IP)")
    add("--pods-dir", default="/pods", help="the kubelet's directory of pods, as seen here (default %(default)s)")
    add("--private-dir", type=Path, default=Path("/var/run/kubevirt-private"), help="records of this node's guests")
    add(
        "--state-dir",
        type=Path,
        default=Path("/var/lib/podvirt/handler"),
        help="what must outlive a restart of the node",
    )
    add(
        "--plugins-dir", type=Path, default=Path("/var/lib/kubelet/device-plugins"), help="the kubelet's plugin sockets"
    )
    add("--capabilities-dir", type=Path, default=Path("/var/lib/podvirt/capabilities"), help="of the launcher image")
    add("--ca-file", type=Path, default=Path("/etc/podvirt/ca/ca-bundle"), help="who signs virt-api's certificate")
    add("--max-devices", type=int, default=1000, help="shares of each device (default %(default)s)")
    add("--launcher-image", default=os.environ.get("VIRT_LAUNCHER_IMAGE", ""), help="default: $VIRT_LAUNCHER_IMAGE")
    return parser


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the command `virt-handler`."""
    options = parser()
    flags = options.parse_args(arguments)
    if not flags.node_name:
        options.error("--node-name or NODE_NAME must say which node this is")
    log.setup(COMPONENT, flags.log_level)
    run_daemon(lambda: run(flags))


if __name__ == "__main__":
    main()
