"""A VMI's network from the agent's side: recorded, made once, served by DHCP while the agent knows the guest."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from virt_handler.adapters import netns, pod_network
from virt_handler.adapters.dhcp_server import DhcpServer, open_sockets
from virt_handler.adapters.records import Record, Records, changed
from virt_handler.plan.dhcp_options import Lease, lease_of, parse_resolv_conf
from virt_handler.plan.network import Wiring
from virt_model import labels, names

Json = dict[str, Any]


class PodWiring:
    """The wirings that were made and the servers on them."""

    def __init__(self, wirings: tuple[Wiring, ...], servers: list[DhcpServer]) -> None:
        self.wirings, self._servers = wirings, servers

    def close(self) -> None:
        """Devices and rules die with the pod's namespace; only our sockets are ours to close."""
        for server in self._servers:
            server.close()


async def make(socket_path: str, vmi: Json, record: Record, records: Records) -> PodWiring:
    """Make or adopt the network of the launcher that listens on `socket_path`. Raises NetworkError, OSError."""
    door = await asyncio.to_thread(netns.open_door, socket_path)
    try:
        if not record.wirings:
            wirings = await netns.run_inside(door.namespace, lambda: pod_network.plan(vmi))
            record = changed(record, wirings=wirings)
            records.write(record)
        if not record.network_done:
            mesh = (vmi["metadata"].get("annotations") or {}).get(labels.ISTIO_INJECT) == "true"
            await netns.run_inside(door.namespace, lambda: pod_network.setup(record.wirings, mesh))
            records.write(changed(record, network_done=True))
        servers = await _serve(door, vmi, record.wirings)
    finally:
        os.close(door.namespace)
    return PodWiring(record.wirings, servers)


async def _serve(door: netns.PodDoor, vmi: Json, wirings: tuple[Wiring, ...]) -> list[DhcpServer]:
    resolver = parse_resolv_conf(door.resolv_conf)
    hostname = names.hostname(vmi["metadata"]["name"], vmi["spec"].get("hostname") or "")
    servers = []
    for wiring in wirings:
        lease = lease_of(wiring, vmi, resolver, hostname)
        if lease is not None:
            servers.append(await _serve_one(door.namespace, wiring.names.bridge, lease))
    return servers


async def _serve_one(namespace: int, device: str, lease: Lease) -> DhcpServer:
    return DhcpServer(await netns.run_inside(namespace, lambda: open_sockets(device, lease)), lease)
