"""virt-api: the webhooks and the aggregated API, on one TLS port."""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import aiohttp

from virt_api.adapters.documents import Documents
from virt_api.adapters.evictions import Evictions
from virt_api.adapters.gate import Gate
from virt_api.adapters.guests import Guests
from virt_api.adapters.handlers import Handlers
from virt_api.adapters.inquiries import Inquiries
from virt_api.adapters.knowledge import Knowledge
from virt_api.adapters.machines import Machines
from virt_api.adapters.moves import Moves
from virt_api.adapters.objects import Objects
from virt_api.adapters.profiling import Profiling
from virt_api.adapters.screens import Screens
from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.adapters.streams import Streams
from virt_api.adapters.subresources import Subresources
from virt_api.adapters.tunnels import Tunnels
from virt_api.adapters.webhooks import Webhooks
from virt_api.plan.admission import prepare
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.version import VERSION
from virt_runtime import log
from virt_runtime.client_metrics import ClientObserver
from virt_runtime.clock import RealClock
from virt_runtime.events import EventRecorder
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import Metrics
from virt_runtime.process import run_daemon
from virt_runtime.serve import operations_app, serving
from virt_runtime.tls import ServingCertificate, client_context

LOG = logging.getLogger(__name__)
COMPONENT = Component.API.value
EVENT_SOURCE = "virt-api"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the command `virt-api`."""
    flags = flags_parser().parse_args(arguments)
    log.setup(COMPONENT, flags.log_level)
    run_daemon(lambda: _run(flags))


def flags_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="virt-api", description=__doc__)
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--host", help="listen on this address only")
    parser.add_argument("--console-server-port", type=int, default=8186, help="where virt-handlers listen")
    parser.add_argument("--namespace", default="kubevirt", help="where podvirt is installed")
    parser.add_argument("--kubeconfig", help="talk to this cluster; in a pod, to the pod's own")
    parser.add_argument("--linger-seconds", type=float, default=3.0, help="how long to serve on when asked to stop")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--certificates", type=Path, default=Path("/etc/virt-api/certificates"))
    parser.add_argument("--handler-certificates", type=Path, default=Path("/etc/virt-handler/clientcertificates"))
    parser.add_argument("--ca-file", type=Path, default=Path("/etc/podvirt/ca/ca-bundle"))
    return parser


async def _run(flags: argparse.Namespace) -> None:
    metrics = Metrics(rows_of(Component.API))
    async with KubeClient.connect(flags.kubeconfig, COMPONENT, ClientObserver(metrics)) as kube:
        await serve(kube, metrics, flags, lambda port: LOG.info("serving on port %d", port))


async def serve(kube: KubeClient, metrics: Metrics, flags: argparse.Namespace, started: Callable[[int], None]) -> None:
    """Serve until cancelled; `started` is told the port once everything that an answer needs has been read."""
    connector = aiohttp.TCPConnector(limit=0)  # each stream to a handler is a connection for as long as it lasts
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
        knowledge = Knowledge(kube)
        knowledge.on_config(lambda config: log.set_verbosity(config.verbosity(COMPONENT)))
        tasks.create_task(knowledge.run())
        await knowledge.wait()
        prepare()
        app = operations_app(metrics, may_profile=lambda: knowledge.config.cluster_profiler)
        clock = RealClock()
        metrics.gauge("kubevirt_info").labels(platform.python_version(), VERSION).set(1)
        metrics.gauge("kubevirt_virt_api_ready_status").labels().set(1)
        events = EventRecorder(kube, EVENT_SOURCE)
        tasks.create_task(events.run())
        evictions = Evictions(kube, knowledge, lambda vmi, reason, text: events.emit(vmi, "Warning", reason, text))
        Webhooks(kube, knowledge, flags.namespace, clock, metrics, evictions).add_to(app)
        tls = client_context(flags.ca_file, flags.handler_certificates)
        handlers = Handlers(kube, session, tls, flags.namespace, flags.console_server_port)
        objects, meter = Objects(kube), StreamMeter(metrics, clock)
        streams = Streams(objects, handlers, meter)
        Documents(kube, knowledge).add_to(app)
        Profiling(kube, session, knowledge, flags.namespace).add_to(app)
        Subresources(
            gate=Gate(kube, knowledge),
            machines=Machines(kube, objects),
            moves=Moves(kube, objects),
            guests=Guests(objects, handlers),
            inquiries=Inquiries(objects, knowledge),
            streams=streams,
            screens=Screens(streams, meter),
            tunnels=Tunnels(objects, meter),
        ).add_to(app)
        certificate = ServingCertificate(flags.certificates, knowledge.client_ca)
        async with serving(app, flags.port, certificate.context(), flags.host) as port:
            started(port)
            await _until_cancelled(flags.linger_seconds)


async def _until_cancelled(linger_seconds: float) -> None:
    """Serve a little longer when asked to stop: those who call us learn only then that we are going."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(linger_seconds)
