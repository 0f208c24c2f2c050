"""Metrics about the components themselves: readiness, leadership, their API calls, queues and streams."""

from __future__ import annotations

from typing import Final

from virt_model.monitoring.row import Component, Kind, Row, When

EVERYWHERE: Final = tuple(Component)
_API, _CONTROLLER, _HANDLER, _OPERATOR = (
    (Component.API,),
    (Component.CONTROLLER,),
    (Component.HANDLER,),
    (Component.OPERATOR,),
)
_STREAM: Final = ("namespace", "vmi")
_REQUEST_BUCKETS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
)  # fmt: skip
_TURN_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
#: from a hundred microseconds: what waits shorter waits for nothing
_QUEUE_BUCKETS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def _status(name: str, doc: str, of: tuple[Component, ...]) -> Row:
    return Row(name=name, kind=Kind.GAUGE, doc=doc, components=of)


def _queue(name: str, kind: Kind, doc: str) -> Row:
    return Row(
        name=f"kubevirt_workqueue_{name}", kind=kind, doc=doc, labels=("name",), when=When.LEADING,
        components=(Component.CONTROLLER, Component.HANDLER, Component.OPERATOR),
        buckets=_QUEUE_BUCKETS if kind is Kind.HISTOGRAM else (),
    )  # fmt: skip


def _stream(name: str, doc: str) -> Row:
    return Row(name=name, kind=Kind.GAUGE, doc=doc, labels=_STREAM, when=When.SOMETIMES, components=_API)


STATUS: Final = (
    _status("kubevirt_virt_api_ready_status", "1 while this virt-api answers requests.", _API),
    _status("kubevirt_virt_controller_ready_status", "1 while this virt-controller leads, or could.", _CONTROLLER),
    _status("kubevirt_virt_controller_leading_status", "1 on the virt-controller that leads.", _CONTROLLER),
    _status("kubevirt_virt_handler_ready_status", "1 while this virt-handler manages its node's guests.", _HANDLER),
    _status("kubevirt_virt_operator_ready_status", "1 while this virt-operator leads, or could.", _OPERATOR),
    _status("kubevirt_virt_operator_leading_status", "1 on the virt-operator that leads.", _OPERATOR),
    Row(
        name="kubevirt_info", kind=Kind.GAUGE, doc="1; the labels say what runs here: the version, and that of the "
        "language in which it is written (named as it is where that is Go).",
        labels=("goversion", "kubeversion"), components=EVERYWHERE,
    ),
)  # fmt: skip

REST_CLIENT: Final = (
    Row(
        name="kubevirt_rest_client_requests_total", kind=Kind.COUNTER,
        doc="Requests to the Kubernetes API, by what was asked and how it was answered.",
        labels=("code", "method", "host", "resource", "verb"), components=EVERYWHERE,
    ),
    Row(
        name="kubevirt_rest_client_request_latency_seconds", kind=Kind.HISTOGRAM,
        doc="Seconds until the Kubernetes API began to answer, by verb and by URL with its names left out.",
        labels=("verb", "url"), components=EVERYWHERE, buckets=_REQUEST_BUCKETS,
    ),
    Row(
        name="kubevirt_rest_client_rate_limiter_duration_seconds", kind=Kind.HISTOGRAM,
        doc="Seconds that a request waited here for its turn to be sent: there is no rate limit, but at most "
        "100 requests and watches are under way at once.",
        labels=("verb", "url"), components=EVERYWHERE, buckets=_TURN_BUCKETS,
    ),
)  # fmt: skip

WORKQUEUE: Final = (
    _queue("adds_total", Kind.COUNTER, "Objects that were put into the queue."),
    _queue("depth", Kind.GAUGE, "Objects that wait in the queue now."),
    _queue("queue_duration_seconds", Kind.HISTOGRAM, "Seconds that an object waited in the queue."),
    _queue("work_duration_seconds", Kind.HISTOGRAM, "Seconds that one look at an object took."),
    _queue("retries_total", Kind.COUNTER, "Looks that failed and are tried again."),
    _queue("unfinished_work_seconds", Kind.GAUGE, "Seconds of looks under way, summed; it grows when one is stuck."),
    _queue("longest_running_processor_seconds", Kind.GAUGE, "Seconds that the oldest look under way has taken so far."),
)

API: Final = (
    _stream("kubevirt_console_active_connections", "Serial consoles that are open through this virt-api."),
    _stream("kubevirt_vnc_active_connections", "VNC sessions that are open through this virt-api."),
    _stream("kubevirt_usbredir_active_connections", "Redirected USB devices that come through this virt-api."),
    _stream("kubevirt_portforward_active_tunnels", "Tunnels to ports of a guest that are open through this virt-api."),
    Row(
        name="kubevirt_vmi_last_api_connection_timestamp_seconds", kind=Kind.GAUGE,
        doc="When somebody last opened a stream to the guest through this virt-api, in seconds since 1970.",
        labels=_STREAM, when=When.SOMETIMES, components=_API,
    ),
    Row(
        name="kubevirt_vm_created_by_pod_total", kind=Kind.COUNTER,
        doc="VMs whose creation this virt-api has admitted (deprecated: use `kubevirt_vm_created_total`).",
        labels=("namespace",), when=When.SOMETIMES, components=_API,
    ),
)  # fmt: skip

HANDLER: Final = (
    Row(
        name="kubevirt_node_deprecated_machine_types", kind=Kind.GAUGE,
        doc="1 for each machine type of the node's QEMU that a later QEMU will not have.",
        labels=("machine_type", "node"), when=When.SOMETIMES, components=_HANDLER,
    ),
)  # fmt: skip

ROWS: Final = (*STATUS, *REST_CLIENT, *WORKQUEUE, *API, *HANDLER)
