"""`virtctl top`: what guests use of CPU, memory, network and disks, now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient
    from virtctl.plan.usage import Scrape

_HELP = """Show what running guests use, the busiest first.

It asks virt-handler on each node twice. That takes the right to get `pods/proxy` in its namespace."""
_HANDLERS = "kubevirt.io=virt-handler"
_PORT = 8443


@click.command(short_help="Show the CPU, memory, network and disk use of guests.", help=_HELP)
@click.option("--all-namespaces", "-A", is_flag=True, help="Guests of all namespaces.")
@click.option("--interval", type=click.FloatRange(0.1, 60), default=2.0, show_default=True, help="Seconds to look.")
@cluster_flags()
@click.pass_context
def top(context: click.Context, all_namespaces: bool, interval: float) -> None:
    """Two scrapes, one table."""
    import asyncio

    from virt_runtime.errors import ApiError
    from virtctl.plan.usage import table, usages

    access = access_of(context)

    async def run(kube: KubeClient) -> tuple[Scrape, Scrape]:
        paths = await _metrics_paths(kube)
        before = await _scrape(kube, paths)
        await asyncio.sleep(interval)
        return before, await _scrape(kube, paths)

    try:
        before, after = with_client(access, run)
    except ApiError as error:
        raise CommandFailed(error.message) from error
    found = usages(before, after, None if all_namespaces else access.namespace)
    if not found:
        where = "" if all_namespaces else f" in {access.namespace} namespace"
        raise CommandFailed(f"No running guests found{where}.")
    for line in table(found, all_namespaces):
        click.echo(line)


async def _metrics_paths(kube: KubeClient) -> list[str]:
    """Of the metrics of each node's agent, through the API server."""
    from virt_runtime.resources import KUBEVIRTS, PODS

    namespaces = {each["metadata"]["namespace"] for each in await kube.list(KUBEVIRTS)}
    if not namespaces:
        raise CommandFailed("could not detect a KubeVirt installation")
    pods = [pod for namespace in namespaces for pod in await kube.list(PODS, namespace, _HANDLERS)]
    running = [pod["metadata"] for pod in pods if pod["status"].get("phase") == "Running"]
    if not running:
        raise CommandFailed("no virt-handler runs")
    return [
        f"/api/v1/namespaces/{each['namespace']}/pods/https:{each['name']}:{_PORT}/proxy/metrics" for each in running
    ]


async def _scrape(kube: KubeClient, paths: list[str]) -> Scrape:
    import asyncio

    from virtctl.plan.usage import scrape

    texts = await asyncio.gather(*(kube.raw("GET", path) for path in paths))
    return scrape(time.monotonic(), "\n".join(map(str, texts)))
