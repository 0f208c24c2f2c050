"""The agent's REST: consoles of this node's guests and actions on them, for virt-api alone.

GET /v1/namespaces/{ns}/virtualmachineinstances/{name}/console and …/vnc, a WebSocket of `plain.kubevirt.io`; PUT
…/pause and the other actions. TLS asks for a client certificate of the cluster's own authority, and only one name is
let in.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from virt_handler.adapters.guest_actions import NAMES, ActionFailed
from virt_handler.adapters.safe_path import beneath, console_socket
from virt_handler.adapters.streams import Busy, StreamKey, Streams
from virt_model import names
from virt_runtime.log import about

LOG = logging.getLogger(__name__)
CLIENT_NAME = "kubevirt.io:system:client:virt-handler"
SOCKETS = {"console": "virt-serial0", "vnc": "virt-vnc"}
Find = Callable[[str, str], tuple[str, str] | None]
Do = Callable[[str, str], Awaitable[None]]


def console_app(pods_dir: str, find: Find, do: Do, client_name: str = CLIENT_NAME) -> web.Application:
    """`find(namespace, name)` gives (pod UID, VMI UID) of a guest of this node, `do(VMI UID, action)` acts on it."""
    streams = Streams()

    async def serve(request: web.Request) -> web.StreamResponse:
        if _client(request) != client_name:
            return web.Response(status=403, text="only virt-api may connect\n")
        namespace, name, kind = (request.match_info[key] for key in ("namespace", "name", "kind"))
        found = find(namespace, name)
        if found is None:
            return web.Response(status=404, text=f"no guest {namespace}/{name} on this node\n")
        key = StreamKey(found[1], kind)
        preserve = request.query.get("preserveSession") == "true"
        try:
            with beneath(pods_dir, console_socket(*found, SOCKETS[kind])) as path:
                return await streams.join(key, request, path, preserve=preserve)
        except Busy:
            why = f"Active {kind.upper()} connection. Request denied."
            return web.Response(status=503, headers={names.REFUSAL_HEADER: why})
        except OSError as error:
            vmi = about(kind="VirtualMachineInstance", namespace=namespace, name=name, uid=found[1])
            LOG.warning("%s: %s", kind, error, extra=vmi)
            return web.Response(status=500, text=f"the guest's {kind} cannot be reached\n")

    async def act(request: web.Request) -> web.Response:
        if _client(request) != client_name:
            return web.Response(status=403, text="only virt-api may connect\n")
        found = find(request.match_info["namespace"], request.match_info["name"])
        if found is None:
            return web.Response(status=404, text="no such guest on this node\n")
        try:
            await do(found[1], request.match_info["action"])
        except ActionFailed as failed:
            return web.Response(status=400, text=f"{failed}\n")
        return web.Response(status=200)

    app = web.Application()
    one = "/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
    app.router.add_get(f"{one}/{{kind:{'|'.join(SOCKETS)}}}", serve)
    app.router.add_put(f"{one}/{{action:{'|'.join(NAMES)}}}", act)
    return app


def _client(request: web.Request) -> str:
    """Common name of the verified client certificate, "" when there is none."""
    transport = request.transport
    certificate: dict[str, Any] = (transport.get_extra_info("peercert") if transport else None) or {}
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return ""
