"""When somebody should be told: one alert a row. An alert whose metrics do not exist yet is not here.

`@namespace@` stands for the namespace of the installation. `{{ $labels.x }}` is filled in by Prometheus.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from virt_model.monitoring.recording_rules import LEADERS, NAMESPACE, PARTS

RUNBOOKS: Final = "https://kubevirt.io/monitoring/runbooks/%s"


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


_CRITICAL, _WARNING, _INFO, _NONE = Severity


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """`impact` is what it means for the installation as a whole; `hold` how long it must be so (Prometheus' words)."""

    name: str
    expr: str
    summary: str
    severity: Severity
    impact: Severity = Severity.NONE
    hold: str = ""
    description: str = ""
    of_component: bool = False
    """About the installation, not about one VM: it carries the namespace of the installation."""

    def in_namespace(self, namespace: str) -> str:
        return self.expr.replace(NAMESPACE, namespace)


_TITLES: Final = {
    "api": "VirtAPI",
    "controller": "VirtController",
    "handler": "VirtHandler",
    "operator": "VirtOperator",
}
_LOW_READY: Final = {
    "api": "LowReadyVirtAPICount", "controller": "LowReadyVirtControllersCount",
    "handler": "LowReadyVirtHandlerCount", "operator": "LowReadyVirtOperatorsCount",
}  # fmt: skip
_LOW: Final = {"api": "LowVirtAPICount", "controller": "LowVirtControllersCount", "operator": "LowVirtOperatorCount"}
_BURST: Final = {
    **{part: f"{title}RESTErrorsBurst" for part, title in _TITLES.items()},
    "api": "VirtApiRESTErrorsBurst",
}


def _component(name: str, expr: str, summary: str, severity: Severity, hold: str = "10m") -> Alert:
    return Alert(
        name=name, expr=expr, summary=summary, severity=severity, impact=severity, hold=hold, of_component=True
    )


def _of_part(part: str) -> tuple[Alert, ...]:
    running, ready = f"cluster:kubevirt_virt_{part}_pods_running:count", f"cluster:kubevirt_virt_{part}_ready:sum"
    requests = f"kubevirt_rest_client_requests_total{{namespace='{NAMESPACE}', pod=~'virt-{part}-.*'"
    failed = f"sum(rate({requests}, code=~'(4|5)[0-9][0-9]'}}[5m]))"
    return (
        _component(f"{_TITLES[part]}Down", f"{running} == 0", f"No pod of virt-{part} runs.", _CRITICAL),
        _component(
            f"NoReady{_TITLES[part]}", f"{ready} == 0 and {running} > 0", f"No virt-{part} is ready.", _CRITICAL
        ),
        _component(
            _LOW_READY[part], f"{ready} < {running} and {ready} > 0", f"Some pods of virt-{part} run unready.", _WARNING
        ),
        _component(
            _BURST[part], f"{failed} / sum(rate({requests}}}[5m])) >= 0.8",
            f"Four of five API requests of virt-{part} failed in the last five minutes.", _CRITICAL, "5m",
        ),
    )  # fmt: skip


def _low(part: str) -> Alert:
    few = f"cluster:kubevirt_virt_{part}_{'ready:sum' if part == 'controller' else 'pods_running:count'} < 2"
    return _component(
        _LOW[part], f"cluster:kubevirt_nodes_allocatable:count > 1 and {few}",
        f"With several nodes there should be more than one virt-{part}.", _WARNING,
        "10m" if part == "controller" else "60m",
    )  # fmt: skip


def _no_leader(part: str) -> Alert:
    return _component(
        f"NoLeading{_TITLES[part]}", f"cluster:kubevirt_virt_{part}_leading:sum == 0",
        f"No virt-{part} leads: nothing is decided.", _CRITICAL,
    )  # fmt: skip


CLUSTER: Final = (
    _component(
        "LowKVMNodesCount",
        "cluster:kubevirt_nodes_allocatable:count > 1 and cluster:kubevirt_nodes_with_kvm:count < 2",
        "Fewer than two nodes offer KVM: nothing can be migrated.", _WARNING, "5m",
    ),
    Alert(
        name="KubeVirtNoAvailableNodesToRunVMs",
        expr="((sum(kube_node_status_allocatable{resource='devices_kubevirt_io_kvm'}) or on() vector(0)) == 0 and "
        "(sum(kubevirt_configuration_emulation_enabled) or on() vector(0)) == 0) or "
        "(sum(kube_node_labels{label_kubevirt_io_schedulable='true'}) or on() vector(0)) == 0",
        summary="No node can run a VM.", severity=_WARNING, impact=_CRITICAL, hold="5m", of_component=True,
    ),
    _component(
        "VirtHandlerDaemonSetRolloutFailing",
        f"kube_daemonset_status_number_ready{{namespace='{NAMESPACE}', daemonset='virt-handler'}} - "
        f"kube_daemonset_status_desired_number_scheduled{{namespace='{NAMESPACE}', daemonset='virt-handler'}} != 0",
        "virt-handler is not ready on every node.", _WARNING, "15m",
    ),
    Alert(
        name="VirtLauncherPodsStuckFailed",
        expr="sum by (namespace) (kube_pod_status_phase{phase='Failed', pod=~'virt-launcher-.*'}) >= 200",
        summary="200 failed launcher pods or more are left lying.", severity=_CRITICAL, impact=_CRITICAL, hold="10m",
    ),
    Alert(
        name="OrphanedVirtualMachineInstances",
        expr="(max by (node) (kube_pod_status_ready{condition='true', pod=~'virt-handler-.*'} * on(pod, namespace) "
        "group_left(node) kube_pod_info{pod=~'virt-handler-.*', node!=''}) == 1 or "
        "count by (node) (kube_pod_info{pod=~'virt-launcher-.*', node!=''}) * 0) == 0",
        summary="Guests run on node {{ $labels.node }} and no virt-handler there is ready.",
        severity=_WARNING, impact=_WARNING, hold="10m",
    ),
    Alert(
        name="OutdatedVirtualMachineInstanceWorkloads", expr="kubevirt_vmi_number_of_outdated != 0", severity=_WARNING,
        summary="Guests still run in launchers of an earlier release.", hold="24h",
    ),
)  # fmt: skip


def _with_vm(expr: str) -> str:
    """The label `vm` leads consoles from the alert to the VM."""
    return f'label_replace({expr}, "vm", "$1", "name", "(.+)")'


_RUNS = "topk by (name, namespace) (1, kubevirt_vmi_info{phase='running'})"
_ON_NODE = "topk by (name, namespace) (1, kubevirt_vmi_info{phase=~'scheduled|running'})"
_PRESSED = (
    "vmi:kubevirt_vmi_memory_headroom_ratio:sum < 0.05 and "
    "(vmi:kubevirt_vmi_pgmajfaults:rate5m > 5 or vmi:kubevirt_vmi_swap_traffic_bytes:rate5m > 1048576)"
)
_LOW_MEMORY = (
    "vmi:kubevirt_vmi_memory_headroom_ratio:sum < 0.03 and vmi:kubevirt_vmi_swap_traffic_bytes:rate30m < 2048 and "
    "vmi:kubevirt_vmi_pgmajfaults:rate30m < 1"
)
_FILLED = "100 * kubevirt_vmi_filesystem_used_bytes / kubevirt_vmi_filesystem_capacity_bytes"
_THIS_VM = "VM {{ $labels.name }} in namespace {{ $labels.namespace }}"

MACHINES: Final = (
    Alert(
        name="VMCannotBeEvicted",
        expr=_with_vm(f"kubevirt_vmi_non_evictable * on(name, namespace) group_left() {_RUNS} == 1"),
        summary="A VM shall be migrated when its node is drained, and cannot be.",
        description=f"{_THIS_VM}, on node {{{{ $labels.node }}}}, is not migratable: a drain will not end.",
        severity=_WARNING, hold="1m",
    ),
    Alert(
        name="VirtualMachineStuckInUnhealthyState",
        expr=_with_vm(
            "sum by (name, namespace, status) (kubevirt_vm_info{status=~'provisioning|starting|terminating'} == 1 or "
            "kubevirt_vm_info{status_group='error'} == 1) unless on(name, namespace) kubevirt_vmi_info"
        ),
        summary="A VM is {{ $labels.status }} for more than ten minutes.",
        description=f"{_THIS_VM} has no VMI; its events say why.",
        severity=_WARNING, hold="10m",
    ),
    Alert(
        name="VirtualMachineStuckOnNode",
        expr=_with_vm(
            "sum by (name, namespace, status, node) "
            "((kubevirt_vm_info{status=~'starting|stopping|terminating'} == 1 or "
            f"kubevirt_vm_info{{status_group='error'}} == 1) * on(name, namespace) group_left(node) {_ON_NODE})"
        ),
        summary="A VM is {{ $labels.status }} on its node for more than five minutes.",
        description=f"{_THIS_VM} does not move on node {{{{ $labels.node }}}}.", severity=_WARNING, hold="5m",
    ),
    Alert(
        name="KubeVirtVMGuestMemoryPressure", expr=_with_vm(f"({_PRESSED})"),
        summary="A guest is short of memory and slow for it.",
        description=f"{_THIS_VM} has less than 5% of its memory left, and swaps or reads pages from disk.",
        severity=_WARNING, hold="5m",
    ),
    Alert(
        name="KubeVirtVMGuestMemoryAvailableLow", expr=_with_vm(f"({_LOW_MEMORY})"),
        summary="A guest has next to no memory left.",
        description=f"{_THIS_VM} has had less than 3% of its memory left for half an hour and does not swap.",
        severity=_INFO, hold="30m",
    ),
    Alert(
        name="VMNonRecoverableOSPanic",
        expr=_with_vm("sum by (name, namespace) (increase(kubevirt_vmi_guest_os_panic_total[24h])) > 5"),
        summary="The kernel of a guest panics again and again.",
        description=f"{_THIS_VM} has panicked more than five times within a day; its events hold what it said.",
        severity=_CRITICAL, hold="1m",
    ),
    *(
        Alert(
            name="GuestFilesystemAlmostOutOfSpace", expr=_with_vm(f"({_FILLED} {range_})"),
            summary=f"A file system of a guest is {words} full.",
            description=f"{_THIS_VM}: {{{{ $labels.mount_point }}}} is filled to {{{{ $value | humanize }}}}%.",
            severity=severity, hold="5m",
        )
        for severity, range_, words in (
            (_CRITICAL, ">= 95", "95%"),
            (_WARNING, f">= 85 and {_FILLED} < 95", "85%"),
        )
    ),
)  # fmt: skip

ALERTS: Final = (
    *(alert for part in PARTS for alert in _of_part(part)),
    *(_low(part) for part in _LOW),
    *(_no_leader(part) for part in LEADERS),
    *CLUSTER,
    *MACHINES,
)
