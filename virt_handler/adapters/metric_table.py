"""Every metric of virt-handler."""

from __future__ import annotations

from virt_runtime.metrics import Row

CLIENT_PREFIX = "kubevirt"
READY = "kubevirt_virt_handler_ready_status"

TABLE = (
    Row(name=READY, kind="gauge", doc="1 while this virt-handler manages the guests of its node."),
    Row(
        name="kubevirt_console_active_connections", kind="gauge", labels=("namespace", "vmi"),
        doc="Serial consoles that are open now.",
    ),
    Row(
        name="kubevirt_vnc_active_connections", kind="gauge", labels=("namespace", "vmi"),
        doc="VNC sessions that are open now.",
    ),
    Row(name="podvirt_virt_handler_launchers", kind="gauge", doc="Launchers that this virt-handler is in touch with."),
)  # fmt: skip
