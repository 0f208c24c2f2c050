"""Series that Prometheus derives: what dashboards and alerts read.

They rest on our own metrics and on those of kube-state-metrics (`kube_*`) and Prometheus itself (`up`). In expressions
`@namespace@` stands for the namespace of the installation.
"""

from __future__ import annotations

from typing import Final

import msgspec

from virt_model.monitoring.row import Kind

NAMESPACE: Final = "@namespace@"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One derived series; `instead` is what to use in place of a deprecated one."""

    name: str
    expr: str
    doc: str
    kind: Kind = Kind.GAUGE
    instead: str = ""

    def in_namespace(self, namespace: str) -> str:
        return self.expr.replace(NAMESPACE, namespace)


PARTS: Final = ("api", "controller", "handler", "operator")
LEADERS: Final = ("controller", "operator")


def _of_part(part: str) -> tuple[Rule, ...]:
    pods = f"pod=~'virt-{part}-.*', namespace='{NAMESPACE}'"
    ready = f"kubevirt_virt_{part}_ready_status{{namespace='{NAMESPACE}'}}"
    return (
        Rule(
            name=f"cluster:kubevirt_virt_{part}_up:sum", expr=f"sum(up{{{pods}}}) or vector(0)",
            doc=f"Pods of virt-{part} that can be scraped.",
        ),
        Rule(
            name=f"cluster:kubevirt_virt_{part}_pods_running:count",
            expr=f"count(kube_pod_status_phase{{{pods}, phase='Running'}} == 1) or vector(0)",
            doc=f"Pods of virt-{part} that run.",
        ),
        Rule(
            name=f"cluster:kubevirt_virt_{part}_ready:sum",
            expr=f"sum(kube_pod_status_ready{{{pods}, condition='true'}} * on(pod, namespace) {ready}) or vector(0)",
            doc=f"Pods of virt-{part} that are ready, in the kubelet's eyes and their own.",
        ),
    )  # fmt: skip


def _leading(part: str) -> Rule:
    return Rule(
        name=f"cluster:kubevirt_virt_{part}_leading:sum",
        expr=f"sum(kubevirt_virt_{part}_leading_status{{namespace='{NAMESPACE}'}}) or vector(0)",
        doc=f"Replicas of virt-{part} that lead: one, when all is well.",
    )


def _per_vmi(name: str, expr: str, doc: str) -> Rule:
    return Rule(name=f"vmi:kubevirt_vmi_{name}", expr=f"sum by (name, namespace) ({expr})", doc=doc)


def _swap(window: str) -> str:
    return " + ".join(f"rate(kubevirt_vmi_memory_swap_{way}_traffic_bytes[{window}])" for way in ("in", "out"))


NODES: Final = (
    Rule(
        name="cluster:kubevirt_nodes_allocatable:count", expr="count(count by (node) (kube_node_status_allocatable))",
        doc="Nodes that pods may run on.",
    ),
    Rule(
        name="cluster:kubevirt_nodes_with_kvm:count",
        expr="count(kube_node_status_allocatable{resource='devices_kubevirt_io_kvm'} != 0) or vector(0)",
        doc="Nodes that offer KVM.",
    ),
)  # fmt: skip

MACHINES: Final = (
    Rule(
        name="namespace:kubevirt_vm:sum", expr="sum by (namespace) (count by (name, namespace) (kubevirt_vm_info))",
        doc="VMs in each namespace.",
    ),
    Rule(
        name="node:kubevirt_vmi_phase:sum",
        expr="sum by (node, phase, os, workload, flavor, instance_type, preference, guest_os_kernel_release, "
        "guest_os_machine, guest_os_arch, guest_os_name, guest_os_version_id) (kubevirt_vmi_info)",
        doc="VMIs in each phase on each node.",
    ),
    Rule(
        name="vmi:kubevirt_vmi_vcpu:count",
        expr="count by (namespace, name, node) "
        "(count by (namespace, name, node, id) (kubevirt_vmi_vcpu_seconds_total))",
        doc="vCPUs of a guest.",
    ),
    Rule(
        name="vmi:kubevirt_vmi_memory_used_bytes:sum",
        expr="kubevirt_vmi_memory_available_bytes - kubevirt_vmi_memory_usable_bytes",
        doc="Memory that a guest really uses.",
    ),
    _per_vmi("memory_available_bytes:sum", "kubevirt_vmi_memory_available_bytes", "Memory that a guest manages."),
    Rule(
        name="vmi:kubevirt_vmi_memory_headroom_ratio:sum",
        expr="sum by (name, namespace) (kubevirt_vmi_memory_usable_bytes) / "
        "(sum by (name, namespace) (kubevirt_vmi_memory_available_bytes) > 0)",
        doc="Which part of a guest's memory is still to be had.",
    ),
    *(
        _per_vmi(
            f"pgmajfaults:rate{window}", f"rate(kubevirt_vmi_memory_pgmajfault_total[{window}])",
            f"Page faults a second that read from disk, over {window}.",
        )
        for window in ("5m", "30m")
    ),
    *(
        _per_vmi(f"swap_traffic_bytes:rate{window}", _swap(window), f"Bytes a second to and from swap, over {window}.")
        for window in ("5m", "30m")
    ),
)  # fmt: skip

_OLD: Final = (
    ("kubevirt_allocatable_nodes", "cluster:kubevirt_nodes_allocatable:count"),
    ("kubevirt_nodes_with_kvm", "cluster:kubevirt_nodes_with_kvm:count"),
    ("kubevirt_number_of_vms", "namespace:kubevirt_vm:sum"),
    ("kubevirt_vmi_phase_count", "node:kubevirt_vmi_phase:sum"),
    ("kubevirt_vmi_memory_used_bytes", "vmi:kubevirt_vmi_memory_used_bytes:sum"),
    *((f"kubevirt_virt_{part}_up", f"cluster:kubevirt_virt_{part}_up:sum") for part in PARTS),
    *((f"kubevirt_virt_{part}_ready", f"cluster:kubevirt_virt_{part}_ready:sum") for part in LEADERS),
    ("kubevirt_virt_operator_leading", "cluster:kubevirt_virt_operator_leading:sum"),
)
DEPRECATED: Final = (
    *(Rule(name=old, expr=new, doc="Its old name.", instead=new) for old, new in _OLD),
    Rule(
        name="kubevirt_vm_created_total", expr="sum by (namespace) (kubevirt_vm_created_by_pod_total)",
        doc="VMs created in a namespace since the installation.", kind=Kind.COUNTER,
        instead="namespace:kubevirt_vm:sum",
    ),
)  # fmt: skip

RULES: Final = (
    *(rule for part in PARTS for rule in _of_part(part)),
    *(_leading(part) for part in LEADERS),
    *NODES,
    *MACHINES,
    *DEPRECATED,
)
