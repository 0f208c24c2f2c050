"""virt-controller: makes VMIs of VMs and launcher pods of VMIs. Two replicas, of which one leads.

The one that does not lead holds nothing but its eye on the lease, and on how much it shall say in its log.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path

from virt_controller.adapters.cache_metrics import CacheMetrics, PhaseTimes
from virt_controller.adapters.caches import Caches
from virt_controller.adapters.evacuation_loop import EvacuationController
from virt_controller.adapters.fencing_loop import FencingController, Witnesses
from virt_controller.adapters.maintenance_loop import MaintenanceController
from virt_controller.adapters.migration_loop import MigrationController
from virt_controller.adapters.node_loop import NodeController
from virt_controller.adapters.perform import Performer
from virt_controller.adapters.replicaset_loop import ReplicaSetController
from virt_controller.adapters.vm_loop import VmController
from virt_controller.adapters.vmi_loop import VmiController
from virt_controller.adapters.witnesses import WitnessCalls
from virt_controller.plan.actions import Event
from virt_model.config import from_kubevirt
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.version import VERSION
from virt_runtime import log
from virt_runtime.client_metrics import ClientObserver
from virt_runtime.clock import RealClock
from virt_runtime.election import LeaderElector
from virt_runtime.events import EventRecorder
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import Metrics
from virt_runtime.process import run_daemon, together
from virt_runtime.queue import WorkQueue
from virt_runtime.queue_metrics import QueueMeter
from virt_runtime.reflector import Reflector
from virt_runtime.resources import KUBEVIRTS, Json
from virt_runtime.serve import operations_app, serving
from virt_runtime.store import Store
from virt_runtime.tls import ServingCertificate, client_context

COMPONENT = Component.CONTROLLER.value
EVENT_SOURCE = "virtualmachine-controller"
REPLICASET_EVENT_SOURCE = "virtualmachinereplicaset-controller"
EVACUATION_EVENT_SOURCE = "evacuation-controller"
CERTIFICATES = Path("/etc/virt-controller/certificates")
HANDLER_CLIENT = Path("/etc/virt-controller/handler-client")
CA_FILE = Path("/etc/podvirt/ca/ca-bundle")
WORKERS = 10


class Controllers:
    """The controllers of one leadership, wired."""

    def __init__(
        self, kube: KubeClient, namespace: str, launcher_image: str, metrics: Metrics, witnesses: Witnesses
    ) -> None:
        self.caches = Caches(kube, namespace)
        sources = (EVENT_SOURCE, REPLICASET_EVENT_SOURCE, EVACUATION_EVENT_SOURCE)
        self._recorders = tuple(EventRecorder(kube, source) for source in sources)
        clock = RealClock()
        perform, perform_replicasets, perform_evacuations = (
            Performer(kube, _emitter(recorder), self.caches.learn) for recorder in self._recorders
        )
        vms, vmis, nodes, leases, replicasets, migrations, evacuations, maintenances = (
            WorkQueue(meter=QueueMeter(metrics, f"{COMPONENT}-{what}"))
            for what in ("vm", "vmi", "node", "fencing", "replicaset", "migration", "evacuation", "maintenance")
        )
        self._nodes = NodeController(self.caches, perform, clock, nodes)
        self._fencing = FencingController(kube, self.caches, perform, witnesses, clock, leases, namespace)
        self._vms = VmController(kube, self.caches, perform, clock, vms)
        self._vmis = VmiController(
            kube, self.caches, perform, clock, vmis, launcher_image, self._nodes.lost, self._nodes.out, self._fencing
        )
        self._nodes.on_change(self._vmis.node_changed)
        self._fencing.on_change(self._vmis.node_changed)
        self._replicasets = ReplicaSetController(kube, self.caches, perform_replicasets, clock, replicasets)
        self._migrations = MigrationController(kube, self.caches, perform, clock, migrations, launcher_image)
        self._evacuations = EvacuationController(self.caches, perform_evacuations, evacuations)
        self._maintenances = MaintenanceController(self.caches, perform, clock, maintenances)
        times = PhaseTimes(metrics)
        self.caches.vmis.subscribe(times.seen)
        self.caches.migrations.subscribe(times.migration_seen)

    async def run(self) -> None:
        """Until cancelled. Nothing is decided before every cache is filled."""
        await together(self.caches.run(), *(recorder.run() for recorder in self._recorders), self._work())

    async def _work(self) -> None:
        await self.caches.synced()
        await together(
            self._vms.run(WORKERS),
            self._vmis.run(WORKERS),
            self._replicasets.run(WORKERS),
            self._migrations.run(WORKERS),
            self._evacuations.run(WORKERS),
            self._nodes.run(),
            self._fencing.run(),
            self._maintenances.run(),
        )


def _emitter(recorder: EventRecorder) -> Callable[[Event], None]:
    return lambda event: recorder.emit(event.about, event.type, event.reason, event.message)


async def run(options: argparse.Namespace) -> None:
    metrics = Metrics(rows_of(Component.CONTROLLER))
    metrics.gauge("kubevirt_info").labels(platform.python_version(), VERSION).set(1)
    leading: list[Controllers] = []
    async with KubeClient.connect(options.kubeconfig, COMPONENT, ClientObserver(metrics)) as kube:
        elector = LeaderElector(kube, options.namespace, COMPONENT)
        metrics.gauge("kubevirt_virt_controller_ready_status").labels().set(1)
        metrics.gauge("kubevirt_virt_controller_leading_status").labels().set_function(lambda: elector.is_leader)
        metrics.collect_with(CacheMetrics(lambda: leading[-1].caches if leading and elector.is_leader else None))

        async def lead() -> None:
            tls = client_context(CA_FILE, HANDLER_CLIENT)
            witnesses = WitnessCalls(kube, tls, options.namespace, options.handler_port)
            controllers = Controllers(kube, options.namespace, options.launcher_image, metrics, witnesses)
            leading.append(controllers)
            await controllers.run()

        tls = ServingCertificate(CERTIFICATES).context() if CERTIFICATES.is_dir() else None
        settings = Settings(kube, options.namespace)
        app = operations_app(
            metrics, is_leader=lambda: elector.is_leader, may_profile=lambda: settings.config.cluster_profiler
        )
        async with serving(app, options.port, tls):
            await together(settings.run(), elector.run(lead))


class Settings:
    """The configuration as every replica follows it: the log obeys at once. Nothing else is watched without leading."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.config = from_kubevirt(None)
        self._reflector = Reflector(kube, KUBEVIRTS, Store(), namespace)
        self._reflector.subscribe(self._changed)

    async def run(self) -> None:
        await self._reflector.run()

    def _changed(self, _old: Json | None, new: Json | None) -> None:
        self.config = from_kubevirt(new)
        log.set_verbosity(self.config.verbosity(COMPONENT))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMPONENT, description=__doc__)
    parser.add_argument("--port", type=int, default=8443, help="metrics, health and leadership (default %(default)s)")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--namespace", default="kubevirt", help="where podvirt is installed (default %(default)s)")
    parser.add_argument("--kubeconfig", help="a file; without it, the cluster this process runs in")
    parser.add_argument(
        "--launcher-image",
        default=os.environ.get("VIRT_LAUNCHER_IMAGE"),
        help="image of the launcher pods (default: $VIRT_LAUNCHER_IMAGE)",
    )
    parser.add_argument(
        "--handler-port", type=int, default=8186, help="where virt-handlers listen (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    if not options.launcher_image:
        parser.error("--launcher-image or VIRT_LAUNCHER_IMAGE must say which image launcher pods run")
    return options


def main() -> None:
    options = parse()
    log.setup(COMPONENT, options.log_level)
    run_daemon(lambda: run(options))


if __name__ == "__main__":
    main()
