"""virt-operator: installs podvirt, keeps it as the KubeVirt object says, and takes it down again. Wiring only."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys

from virt_model.config import from_kubevirt
from virt_model.monitoring.alerts import RUNBOOKS
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.version import VERSION
from virt_operator.adapters.secrets import pair_of
from virt_operator.adapters.webhooks import Webhooks
from virt_operator.plan.names import OPERATOR, OPERATOR_SECRET
from virt_operator.plan.observed import Own
from virt_operator.plan.settings import DEFAULT_NAMESPACE, Images
from virt_runtime import log
from virt_runtime.client_metrics import ClientObserver
from virt_runtime.election import LeaderElector
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import Metrics
from virt_runtime.process import run_daemon, together
from virt_runtime.queue import WorkQueue
from virt_runtime.queue_metrics import QueueMeter
from virt_runtime.reflector import Reflector
from virt_runtime.resources import KUBEVIRTS, SECRETS
from virt_runtime.serve import operations_app, serving
from virt_runtime.store import Store
from virt_runtime.tls import Pair, ServingCertificate

LOG = logging.getLogger(__name__)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "render":
        from virt_operator.render import render_main

        sys.exit(render_main(sys.argv[2:]))
    options = _options()
    log.setup(OPERATOR, options.log_level)
    run_daemon(lambda: run(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virt-operator", description=__doc__)
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--namespace", default=DEFAULT_NAMESPACE)
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--kubeconfig", default=None)
    parser.add_argument("--image", default=os.environ.get("VIRT_OPERATOR_IMAGE", Images().ref(OPERATOR)))
    return parser.parse_args()


def own_facts(options: argparse.Namespace) -> Own:
    machine = platform.machine()
    return Own(
        namespace=options.namespace,
        images=Images.of(options.image),
        architecture=ARCHITECTURES.get(machine, machine),
        runbooks=os.environ.get("RUNBOOK_URL_TEMPLATE") or RUNBOOKS,
    )


async def run(options: argparse.Namespace) -> None:
    metrics = Metrics(rows_of(Component.OPERATOR))
    metrics.gauge("kubevirt_info").labels(platform.python_version(), VERSION).set(1)
    async with KubeClient.connect(options.kubeconfig, OPERATOR, ClientObserver(metrics)) as kube:
        elector = LeaderElector(kube, options.namespace, OPERATOR)
        metrics.gauge("kubevirt_virt_operator_leading_status").labels().set_function(lambda: elector.is_leader)
        own = own_facts(options)
        await together(
            _serve(kube, options, metrics, elector),
            _follow_verbosity(kube, options.namespace),
            elector.run(lambda: _lead(kube, own, metrics)),
        )


async def _lead(kube: KubeClient, own: Own, metrics: Metrics) -> None:
    """Imported only now: what the leader needs weighs 10 MiB, and the other replica never uses it."""
    from virt_operator.leading import lead

    await lead(kube, own, WorkQueue(meter=QueueMeter(metrics, f"{OPERATOR}-kubevirt")))


async def _follow_verbosity(kube: KubeClient, namespace: str) -> None:
    """Every replica's log follows the configuration."""
    reflector = Reflector(kube, KUBEVIRTS, Store(), namespace)
    reflector.subscribe(lambda _old, new: log.set_verbosity(from_kubevirt(new).verbosity(OPERATOR)))
    await reflector.run()


async def _serve(kube: KubeClient, options: argparse.Namespace, metrics: Metrics, elector: LeaderElector) -> None:
    """Every replica serves webhooks, with the certificate that the leader makes."""
    secrets = Store()
    reflector = Reflector(kube, SECRETS, secrets, options.namespace, field_selector=f"metadata.name={OPERATOR_SECRET}")
    key, present = f"{options.namespace}/{OPERATOR_SECRET}", asyncio.Event()
    reflector.subscribe(lambda _old, new: present.set() if new else None)

    def pair() -> Pair:
        certificate, private = pair_of(secrets.get(key) or {})
        return Pair(certificate=certificate, key=private)

    async def listen() -> None:
        await present.wait()
        app = operations_app(metrics, is_leader=lambda: elector.is_leader)
        Webhooks(kube).add_to(app)
        async with serving(app, options.port, ServingCertificate(pair).context()):
            metrics.gauge("kubevirt_virt_operator_ready_status").labels().set(1)
            await asyncio.Event().wait()

    await together(reflector.run(), listen())


if __name__ == "__main__":
    main()
