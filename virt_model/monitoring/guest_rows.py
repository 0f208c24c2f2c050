"""Metrics about running guests, which virt-handler asks their launchers for when it is scraped.

Each carries node, namespace and name of the VMI, and the VMI's labels as `kubernetes_vmi_label_*`.
"""

from __future__ import annotations

from typing import Final

from virt_model.monitoring.row import Component, Kind, Row, When

GUEST: Final = ("node", "namespace", "name")
_COUNTER, _GAUGE = Kind.COUNTER, Kind.GAUGE


def _row(name: str, kind: Kind, doc: str, *labels: str, when: When = When.GUEST) -> Row:
    return Row(
        name=f"kubevirt_vmi_{name}", kind=kind, doc=doc, labels=(*GUEST, *labels), when=when,
        components=(Component.HANDLER,),
    )  # fmt: skip


CPU: Final = (
    _row("cpu_usage_seconds_total", _COUNTER, "CPU seconds of the guest's process, vCPUs and hypervisor together."),
    _row("cpu_user_usage_seconds_total", _COUNTER, "CPU seconds of the guest's process in user mode."),
    _row("cpu_system_usage_seconds_total", _COUNTER, "CPU seconds of the guest's process in the kernel."),
    _row("vcpu_seconds_total", _COUNTER, "CPU seconds of a vCPU; `state` is what it does now.", "id", "state"),
    _row(
        "vcpu_wait_seconds_total", _COUNTER, "Seconds that a vCPU waited for I/O (where the kernel keeps count).", "id",
        when=When.SOMETIMES,
    ),
    _row("vcpu_delay_seconds_total", _COUNTER, "Seconds that a vCPU was ready and had no CPU.", "id"),
    _row("node_cpu_affinity", _GAUGE, "How many pairs of a vCPU and a CPU it may run on there are."),
)  # fmt: skip

MEMORY: Final = (
    _row("memory_domain_bytes", _GAUGE, "Memory that the guest's machine has."),
    _row("memory_actual_balloon_bytes", _GAUGE, "Memory that the balloon leaves to the guest."),
    _row("memory_resident_bytes", _GAUGE, "Memory of the host that the guest's process occupies."),
    _row(
        "dirty_rate_bytes_per_second",
        _GAUGE,
        "Bytes of memory a second that the guest changes, by a sample of its pages, measured after the scrape before.",
        when=When.SOMETIMES,
    ),
    *(
        _row(name, kind, f"{doc} Told by the guest's balloon driver.", when=When.SOMETIMES)
        for name, kind, doc in (
            ("memory_available_bytes", _GAUGE, "Memory that the guest's kernel manages."),
            ("memory_unused_bytes", _GAUGE, "Memory that the guest's kernel has not put to any use."),
            ("memory_usable_bytes", _GAUGE, "Memory that could be taken from the guest before it must swap."),
            ("memory_cached_bytes", _GAUGE, "Memory of the guest's caches that can be given back."),
            ("memory_swap_in_traffic_bytes", _GAUGE, "Bytes that the guest read back from its swap space so far."),
            ("memory_swap_out_traffic_bytes", _GAUGE, "Bytes that the guest wrote to its swap space so far."),
            ("memory_pgmajfault_total", _COUNTER, "Page faults of the guest that had to read from disk."),
            ("memory_pgminfault_total", _COUNTER, "Page faults of the guest that had not."),
        )
    ),
)

NETWORK: Final = (
    *(
        _row(f"network_{way}_{what}_total", _COUNTER, f"{doc} the guest {done}.", "interface")
        for way, done in (("receive", "received"), ("transmit", "sent"))
        for what, doc in (
            ("bytes", "Bytes that"),
            ("packets", "Packets that"),
            ("errors", "Errors among the packets that"),
            ("packets_dropped", "Packets dropped of those that"),
        )
    ),
    _row(
        "network_traffic_bytes_total", _COUNTER, "Bytes by direction (deprecated: use the metrics of each direction).",
        "interface", "type",
    ),
)  # fmt: skip

STORAGE: Final = tuple(
    _row(f"storage_{name}_total", _COUNTER, doc, "drive")
    for name, doc in (
        ("iops_read", "Reads from a disk."),
        ("iops_write", "Writes to a disk."),
        ("read_traffic_bytes", "Bytes read from a disk."),
        ("write_traffic_bytes", "Bytes written to a disk."),
        ("read_times_seconds", "Seconds spent on reads, summed over requests."),
        ("write_times_seconds", "Seconds spent on writes, summed over requests."),
        ("flush_requests", "Requests to write a disk's cache back."),
        ("flush_times_seconds", "Seconds spent on writing a disk's cache back."),
    )
)

AGENT: Final = (
    *(
        _row(
            f"filesystem_{what}_bytes", _GAUGE, f"{doc} Told by the guest agent.",
            "disk_name", "mount_point", "file_system_type", when=When.SOMETIMES,
        )
        for what, doc in (
            ("capacity", "Size of a file system in the guest."),
            ("used", "Bytes of a file system in the guest that are taken."),
        )
    ),
    *(
        _row(
            f"guest_load_{minutes}m", _GAUGE,
            f"Average number of processes in the guest that run or want to, over {minutes} min. Told by its agent.",
            when=When.SOMETIMES,
        )
        for minutes in (1, 5, 15)
    ),
)  # fmt: skip

MIGRATION: Final = tuple(
    _row(f"migration_{name}", kind, f"{doc} Told by the source while the guest leaves.", when=When.SOMETIMES)
    for name, kind, doc in (
        ("data_bytes_total", _COUNTER, "Bytes of memory and disks that a migration has to move."),
        ("data_processed_bytes", _GAUGE, "Bytes of memory and disks that a migration has moved so far."),
        ("data_remaining_bytes", _GAUGE, "Bytes of memory and disks that a migration has still to move."),
        ("dirty_memory_rate_bytes", _GAUGE, "Bytes of memory a second that the guest changes during a migration."),
        ("memory_transfer_rate_bytes", _GAUGE, "Bytes of memory a second that a migration sends."),
    )
)

PANICS: Final = (
    Row(
        name="kubevirt_vmi_guest_os_panic_total", kind=_COUNTER,
        doc="Guests that ended because their kernel panicked, as their panic device told. The code is that of a "
        "Hyper-V bug check, or `unknown`.",
        labels=("namespace", "name", "type", "bugcheck_code"), when=When.SOMETIMES, components=(Component.HANDLER,),
    ),
)  # fmt: skip

LAUNCHERS: Final = (
    Row(
        name="podvirt_virt_handler_launchers", kind=_GAUGE, doc="Launchers that this virt-handler is in touch with.",
        components=(Component.HANDLER,),
    ),
    Row(
        name="podvirt_virt_handler_silent_launchers", kind=_GAUGE,
        doc="Launchers that did not answer this scrape in time: their guests are missing from it.",
        components=(Component.HANDLER,),
    ),
)  # fmt: skip

ROWS: Final = (*CPU, *MEMORY, *NETWORK, *STORAGE, *AGENT, *MIGRATION, *PANICS, *LAUNCHERS)
