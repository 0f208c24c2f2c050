"""Metrics about VMs and VMIs as the API shows them, counted by the leading virt-controller from its caches."""

from __future__ import annotations

from typing import Final

from virt_model.monitoring.row import Component, Kind, Row, When

_SECONDS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_VNIC: Final = ("name", "namespace", "vnic_name", "binding_type", "network", "binding_name", "model")
#: groups of a VM's printableStatus; each has its own metric for when it began
GROUPS: Final = ("starting", "running", "migrating", "non_running", "error")


def leader_row(name: str, doc: str, labels: tuple[str, ...], when: When, kind: Kind = Kind.GAUGE) -> Row:
    """A row of virt-controller, which its leader shows."""
    buckets = _SECONDS if kind is Kind.HISTOGRAM else ()
    return Row(
        name=name, kind=kind, doc=doc, labels=labels, when=when, components=(Component.CONTROLLER,), buckets=buckets
    )


CLUSTER: Final = (
    leader_row(
        "kubevirt_configuration_emulation_enabled", "1 when guests may run without KVM (`useEmulation`).", (),
        When.LEADING,
    ),
    leader_row(
        "kubevirt_vmi_number_of_outdated", "VMIs that run in a launcher of an earlier release.", (), When.LEADING,
    ),
)  # fmt: skip

VM: Final = (
    leader_row(
        "kubevirt_vm_info", "1 for each VM; the labels say what it is and how it is.",
        ("name", "namespace", "os", "workload", "flavor", "machine_type", "instance_type", "preference", "status",
         "status_group"),
        When.VM,
    ),
    *(
        leader_row(
            f"kubevirt_vm_{group}_status_last_transition_timestamp_seconds",
            f"When the VM's status last changed, in seconds since 1970, while it is in the group `{group}`; else 0.",
            ("name", "namespace"), When.VM, Kind.COUNTER,
        )
        for group in GROUPS
    ),
    leader_row(
        "kubevirt_vm_create_date_timestamp_seconds", "When the VM was created, in seconds since 1970.",
        ("name", "namespace"), When.VM,
    ),
    leader_row("kubevirt_vm_labels", "1; the labels are the VM's own, as `label_*`.", ("name", "namespace"), When.VM),
    leader_row(
        "kubevirt_vm_resource_requests", "CPU and memory that a VM asks for; `source` says which field says so.",
        ("name", "namespace", "resource", "unit", "source"), When.VM,
    ),
    leader_row(
        "kubevirt_vm_resource_limits", "CPU and memory limits of a VM, where it sets any.",
        ("name", "namespace", "resource", "unit"), When.SOMETIMES,
    ),
    leader_row(
        "kubevirt_vm_disk_allocated_size_bytes", "Size of the claim behind a disk of a VM.",
        ("name", "namespace", "persistentvolumeclaim", "volume_mode", "device"), When.SOMETIMES,
    ),
    leader_row("kubevirt_vm_vnic_info", "1 for each NIC of a VM's template.", _VNIC, When.VM),
)  # fmt: skip

VMI: Final = (
    leader_row(
        "kubevirt_vmi_info", "1 for each VMI; the labels say what it is, where, and how it is.",
        ("node", "namespace", "name", "phase", "os", "workload", "flavor", "instance_type", "preference",
         "guest_os_kernel_release", "guest_os_machine", "guest_os_arch", "guest_os_name", "guest_os_version_id",
         "evictable", "outdated", "vmi_pod"),
        When.VMI,
    ),
    leader_row(
        "kubevirt_vmi_non_evictable", "1 when an eviction shall migrate the VMI and it cannot be migrated.",
        ("node", "namespace", "name"), When.VMI,
    ),
    leader_row(
        "kubevirt_vmi_status_addresses", "1 for each address of a VMI.",
        ("node", "namespace", "name", "vnic_name", "interface_name", "address", "type"), When.GUEST,
    ),
    leader_row("kubevirt_vmi_vnic_info", "1 for each NIC of a VMI.", _VNIC, When.GUEST),
    leader_row(
        "kubevirt_vmi_launcher_memory_overhead_bytes", "Memory reserved for the VMI's pod beyond the guest's own.",
        ("namespace", "name"), When.GUEST,
    ),
)  # fmt: skip

TIMES: Final = (
    leader_row(
        "kubevirt_vmi_phase_transition_time_seconds", "Seconds that VMIs took from one phase to the next.",
        ("phase", "last_phase"), When.SOMETIMES, Kind.HISTOGRAM,
    ),
    leader_row(
        "kubevirt_vmi_phase_transition_time_from_creation_seconds", "Seconds that VMIs took from creation to a phase.",
        ("phase",), When.SOMETIMES, Kind.HISTOGRAM,
    ),
    leader_row(
        "kubevirt_vmi_phase_transition_time_from_deletion_seconds",
        "Seconds that VMIs took from the request to delete them to their last phase.",
        ("phase",), When.SOMETIMES, Kind.HISTOGRAM,
    ),
)  # fmt: skip

ROWS: Final = (*CLUSTER, *VM, *VMI, *TIMES)
