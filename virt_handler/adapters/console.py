"""The agent's REST: consoles of this node's guests, actions on them and questions to them, for virt-api alone.

Below /v1/namespaces/{ns}/virtualmachineinstances/{name}: GET console, vnc and usbredir, WebSockets of
`plain.kubevirt.io`; PUT pause and the other actions; GET guestosinfo and the other answers of the guest agent. TLS
asks for a client certificate of the cluster's own authority, and only one name is let in.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from aiohttp import web

from virt_handler.adapters.caller import common_name
from virt_handler.adapters.guest_actions import NAMES, ActionFailed, GuestActions
from virt_handler.adapters.guest_answers import ANSWERS
from virt_handler.adapters.safe_path import beneath, console_socket
from virt_handler.adapters.streams import Busy, StreamKey, Streams
from virt_model import names, paths
from virt_runtime.log import about

LOG = logging.getLogger(__name__)
CLIENT_NAME = "kubevirt.io:system:client:virt-handler"
USB = "usbredir"
SOCKETS = {
    "console": (paths.SERIAL_SOCKET,),
    "vnc": (paths.VNC_SOCKET,),
    USB: paths.USB_SOCKETS,
}
"""By stream. Who comes takes the first; but a USB device never takes another's place: it gets one that is free."""
Find = Callable[[str, str], tuple[str, str] | None]


def console_app(pods_dir: str, find: Find, actions: GuestActions, client_name: str = CLIENT_NAME) -> web.Application:
    """`find(namespace, name)` gives (pod UID, VMI UID) of a guest of this node."""
    streams = Streams()

    async def serve(request: web.Request) -> web.StreamResponse:
        if common_name(request) != client_name:
            return web.Response(status=403, text="only virt-api may connect\n")
        namespace, name, kind = (request.match_info[key] for key in ("namespace", "name", "kind"))
        found = find(namespace, name)
        if found is None:
            return web.Response(status=404, text=f"no guest {namespace}/{name} on this node\n")
        preserve = kind == USB or request.query.get("preserveSession") == "true"
        try:
            for socket in SOCKETS[kind]:
                with contextlib.suppress(Busy), beneath(pods_dir, console_socket(*found, socket)) as path:
                    return await streams.join(StreamKey(found[1], socket), request, path, preserve=preserve)
            why = {} if kind == USB else {names.REFUSAL_HEADER: f"Active {kind.upper()} connection. Request denied."}
            return web.Response(status=503, headers=why)
        except OSError as error:
            vmi = about(kind="VirtualMachineInstance", namespace=namespace, name=name, uid=found[1])
            LOG.warning("%s: %s", kind, error, extra=vmi)
            return web.Response(status=500, text=f"the guest's {kind} cannot be reached\n")

    async def act(request: web.Request) -> web.Response:
        """An action, or a question."""
        if common_name(request) != client_name:
            return web.Response(status=403, text="only virt-api may connect\n")
        found = find(request.match_info["namespace"], request.match_info["name"])
        if found is None:
            return web.Response(status=404, text="no such guest on this node\n")
        try:
            if request.method == "GET":
                return web.json_response(await actions.ask(found[1], request.match_info["question"]))
            await actions.do(found[1], request.match_info["action"], request.query)
        except ActionFailed as failed:
            return web.Response(status=400, text=f"{failed}\n")
        return web.Response(status=200)

    app = web.Application()
    one = "/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
    app.router.add_get(f"{one}/{{kind:{'|'.join(SOCKETS)}}}", serve)
    app.router.add_put(f"{one}/{{action:{'|'.join(NAMES)}}}", act)
    app.router.add_get(f"{one}/{{question:{'|'.join(ANSWERS)}}}", act)
    return app
