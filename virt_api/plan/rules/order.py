"""The sequence in which rules are asked, which is the sequence of the causes in an answer.

`SPEC` judges a VMI spec wherever it stands (in a VMI, or as the template of a VM or a replica set), `TEMPLATE` a whole
template, `VM_TEMPLATE` that of a VM, which may grow while it runs. `VMI_CREATE` is what the creation of a VMI adds:
memory must be asked for (a template may leave that to an instance type), the architecture is settled, and some groups
are asked a second time. The original asks them twice, so its messages say these things twice, and clients that
match whole messages have to find them here.
"""

from __future__ import annotations

from virt_api.plan.rule import Rule
from virt_api.plan.rules.amd64 import AMD64
from virt_api.plan.rules.blocks import BLOCKS
from virt_api.plan.rules.characters import CHARACTERS
from virt_api.plan.rules.cloudinit import CLOUD_INIT
from virt_api.plan.rules.cpu import CPU
from virt_api.plan.rules.devices import BOOT_ORDER, INPUTS, IO_THREADS, PCI_PLACES, VIDEO
from virt_api.plan.rules.disks import DISKS
from virt_api.plan.rules.gated import GATED
from virt_api.plan.rules.growth import GROWTH
from virt_api.plan.rules.interface import INTERFACES
from virt_api.plan.rules.machine import ARCHITECTURE, FIRMWARE, MACHINE
from virt_api.plan.rules.memory import MANDATORY, MEMORY
from virt_api.plan.rules.metadata import METADATA
from virt_api.plan.rules.network import DISCONTINUED, NETWORKS
from virt_api.plan.rules.ports import PORTS
from virt_api.plan.rules.probes import PROBE, PROBE_NETWORK
from virt_api.plan.rules.scheduling import DNS, EVICTION, NAMES, START, TOPOLOGY
from virt_api.plan.rules.volumes import CONTAINER_DISKS, CREDENTIALS, VOLUME_DISKS, VOLUMES

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
    *INTERFACES,
    *PORTS,
    *BOOT_ORDER,
    *PCI_PLACES,
    *INPUTS,
    *IO_THREADS,
    *PROBE,
    *PROBE_NETWORK,
    *FIRMWARE,
    *DISKS,
    *BLOCKS,
    *VOLUMES,
    *CLOUD_INIT,
    *CONTAINER_DISKS,
    *CREDENTIALS,
    *DNS,
    *EVICTION,
    *GATED,
    *VIDEO,
    *VOLUME_DISKS,
    *CHARACTERS,
)
TEMPLATE: tuple[Rule, ...] = (*METADATA, *SPEC)
VM_TEMPLATE: tuple[Rule, ...] = (*TEMPLATE, *GROWTH)
VMI_CREATE: tuple[Rule, ...] = (
    *MANDATORY,
    *METADATA,
    *AMD64,
    *NETWORKS,
    *INTERFACES,
    *PORTS,
    *DISKS,
    *BLOCKS,
    *CONTAINER_DISKS,
)
