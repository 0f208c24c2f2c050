"""virt-controller: makes VMIs of VMs and launcher pods of VMIs. Two replicas, of which one leads.

The one that does not lead holds nothing but its eye on the lease.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from virt_controller.adapters.caches import Caches
from virt_controller.adapters.node_loop import NodeController
from virt_controller.adapters.observed import TABLE, PhaseTimes, StoreCollector
from virt_controller.adapters.perform import Performer
from virt_controller.adapters.vm_loop import VmController
from virt_controller.adapters.vmi_loop import VmiController
from virt_controller.plan.actions import Event
from virt_runtime import log
from virt_runtime.clock import RealClock
from virt_runtime.election import LeaderElector
from virt_runtime.events import EventRecorder
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import ClientObserver, Metrics
from virt_runtime.process import run_daemon, together
from virt_runtime.serve import operations_app, serving
from virt_runtime.tls import ServingCertificate

COMPONENT = "virt-controller"
EVENT_SOURCE = "virtualmachine-controller"
CERTIFICATES = Path("/etc/virt-controller/certificates")
WORKERS = 10


class Controllers:
    """The controllers of one leadership, wired."""

    def __init__(self, kube: KubeClient, launcher_image: str, times: PhaseTimes) -> None:
        self.caches = Caches(kube)
        self._recorder = EventRecorder(kube, EVENT_SOURCE)
        clock, perform = RealClock(), Performer(kube, self._emit, self.caches.learn)
        self._nodes = NodeController(self.caches, perform, clock)
        self._vms = VmController(kube, self.caches, perform, clock)
        self._vmis = VmiController(kube, self.caches, perform, clock, launcher_image, self._nodes.lost)
        self._nodes.on_change(self._vmis.node_changed)
        self.caches.vmis.subscribe(times.seen)

    def _emit(self, event: Event) -> None:
        self._recorder.emit(event.about, event.type, event.reason, event.message)

    async def run(self) -> None:
        """Until cancelled. Nothing is decided before every cache is filled."""
        await together(self.caches.run(), self._recorder.run(), self._work())

    async def _work(self) -> None:
        await self.caches.synced()
        await together(self._vms.run(WORKERS), self._vmis.run(WORKERS), self._nodes.run())


async def run(options: argparse.Namespace) -> None:
    metrics = Metrics(TABLE)
    leading: list[Controllers] = []
    async with KubeClient.connect(options.kubeconfig, COMPONENT, ClientObserver(metrics, "kubevirt")) as kube:
        elector = LeaderElector(kube, options.namespace, COMPONENT)
        metrics.collect_with(StoreCollector(lambda: leading[-1].caches if leading else None, lambda: elector.is_leader))

        async def lead() -> None:
            controllers = Controllers(kube, options.launcher_image, PhaseTimes(metrics))
            leading.append(controllers)
            await controllers.run()

        tls = ServingCertificate(CERTIFICATES).context() if CERTIFICATES.is_dir() else None
        app = operations_app(metrics, is_leader=lambda: elector.is_leader)
        async with serving(app, options.port, tls):
            await elector.run(lead)


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
