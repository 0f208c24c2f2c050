"""The sequence in which rules are asked, which is the sequence of the causes in an answer.

`SPEC` judges a VMI spec wherever it stands (in a VMI, or as the template of a VM or a replica set). `VMI_CREATE` is
what the creation of a VMI adds: memory must be asked for (a template may leave that to an instance type), and three
groups are asked a second time. The original asks them twice, so its messages say these things twice, and clients that
match whole messages have to find them here.
"""

from __future__ import annotations

from virt_api.plan.rule import Rule
from virt_api.plan.rules.cloudinit import CLOUD_INIT
from virt_api.plan.rules.cpu import CPU
from virt_api.plan.rules.devices import BOOT_ORDER, INPUTS, IO_THREADS
from virt_api.plan.rules.disks import DISKS
from virt_api.plan.rules.machine import ARCHITECTURE, FIRMWARE, MACHINE
from virt_api.plan.rules.memory import MANDATORY, MEMORY
from virt_api.plan.rules.network import DISCONTINUED, NETWORKS
from virt_api.plan.rules.ports import PORTS
from virt_api.plan.rules.probes import PROBE, PROBE_NETWORK
from virt_api.plan.rules.scheduling import DNS, EVICTION, NAMES, START, TOPOLOGY
from virt_api.plan.rules.volumes import CONTAINER_DISKS, CREDENTIALS, HOST_DEVICES, VOLUME_DISKS, VOLUMES

SPEC: tuple[Rule, ...] = (
    *NAMES,
    *MEMORY,
    *MACHINE,
    *CPU,
    *START,
    *TOPOLOGY,
    *ARCHITECTURE,
    *DISCONTINUED,
    *NETWORKS,
    *PORTS,
    *BOOT_ORDER,
    *INPUTS,
    *IO_THREADS,
    *PROBE,
    *PROBE_NETWORK,
    *FIRMWARE,
    *DISKS,
    *VOLUMES,
    *CLOUD_INIT,
    *CONTAINER_DISKS,
    *CREDENTIALS,
    *DNS,
    *EVICTION,
    *HOST_DEVICES,
    *VOLUME_DISKS,
)
VMI_CREATE: tuple[Rule, ...] = (*MANDATORY, *NETWORKS, *PORTS, *DISKS, *CONTAINER_DISKS)
