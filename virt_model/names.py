"""Names that are derived, never chosen: the same input gives the same name in every process, at any time.

A launcher pod's name comes from the UID of its VMI, so that a controller that looks at a stale cache asks for a pod
that is already there, instead of making a second one. UIDs, not names, go into the hash: a VMI that is deleted and
made again under its old name gets another pod.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection

#: longest DNS label; a pod's name is also its host name's fallback, so we stay below
LABEL_MAX = 63
LAUNCHER_PREFIX = "virt-launcher-"
EVACUATION_PREFIX = "kubevirt-evacuation-"
_SUFFIX_LENGTH = 5
# The letters and digits Kubernetes itself uses for generated names: no vowels, no look-alikes.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_UUID_OF_OLD_VMS = uuid.UUID("6a1a24a1-4061-4607-8bf4-a3963d0c5895")


def launcher_pod_name(vmi_name: str, vmi_uid: str) -> str:
    """`virt-launcher-<vmi>-<5 characters of the UID's hash>`, the middle cut so that the whole has at most 63."""
    return _pod_name(vmi_name, vmi_uid)


def target_pod_name(vmi_name: str, migration_uid: str) -> str:
    """The launcher pod that a migration moves to: named after the migration, so each migration has one."""
    return _pod_name(vmi_name, migration_uid)


def evacuation_name(vmi_uid: str, after: str) -> str:
    """The migration by which a VMI leaves its node. `after` is the UID of its last migration, "" for none: whoever asks
    twice asks for the same one.
    """
    return f"{EVACUATION_PREFIX}{_suffix(f'{vmi_uid}/{after}')}"


def launcher_generate_name(vmi_name: str) -> str:
    """What `metadata.generateName` of a launcher pod says; the name itself is always given."""
    return f"{LAUNCHER_PREFIX}{vmi_name}-"


def _pod_name(vmi_name: str, uid: str) -> str:
    room = LABEL_MAX - len(LAUNCHER_PREFIX) - 1 - _SUFFIX_LENGTH
    middle = vmi_name[:room].rstrip("-.")
    return f"{LAUNCHER_PREFIX}{middle}-{_suffix(uid)}"


def _suffix(uid: str) -> str:
    number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")
    letters = []
    for _ in range(_SUFFIX_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def domain_name(namespace: str, vmi_name: str) -> str:
    """The libvirt domain of a VMI."""
    return f"{namespace}_{vmi_name}"


def hostname(vmi_name: str, spec_hostname: str = "") -> str:
    """The guest's host name: what the spec says, else the first label of the VMI's name, at most 63 characters."""
    return spec_hostname or vmi_name.split(".", 1)[0][:LABEL_MAX].rstrip("-")


def free_label(wanted: str, taken: Collection[str]) -> str:
    """`wanted` where that is a DNS label which nobody has, else its beginning and 5 characters of its hash."""
    if len(wanted) <= LABEL_MAX and "." not in wanted and wanted not in taken:
        return wanted
    beginning = wanted[: LABEL_MAX - 1 - _SUFFIX_LENGTH].replace(".", "-").rstrip("-")
    tries = (f"{beginning}-{_suffix(wanted + '.' * number)}" for number in range(len(taken) + 1))
    return next(label for label in tries if label not in taken)


def vmi_id_label(vmi_name: str) -> str:
    """A VMI's name as a label value: itself, or when longer than 63 its first 54 characters, a dash, 8 hex of SHA-1."""
    if len(vmi_name) <= LABEL_MAX:
        return vmi_name
    digest = hashlib.sha1(vmi_name.encode(), usedforsecurity=False).hexdigest()
    return f"{vmi_name[:54]}-{digest[:8]}"


def replica_name(base: str, replicaset_uid: str, number: int) -> str:
    """The VMI of a number in a replica set: at most 58 characters of `base`, then 5 of the hash of UID and number."""
    return f"{base[: LABEL_MAX - _SUFFIX_LENGTH]}{_suffix(f'{replicaset_uid}/{number}')}"


def start_revision_name(vm_uid: str, generation: int) -> str:
    """The ControllerRevision that keeps a VM's spec as it was at start."""
    return f"{start_revision_prefix(vm_uid)}{generation}"


def start_revision_prefix(vm_uid: str) -> str:
    return f"revision-start-vm-{vm_uid}-"


def firmware_uuid_of_old_vm(vm_name: str) -> str:
    """The firmware UUID of a VM that was made before UUIDs were written into its template."""
    return str(uuid.uuid5(_UUID_OF_OLD_VMS, vm_name))


def handler_server_name(node: str, namespace: str) -> str:
    """The name that the agent of a node has in its certificate, and no other agent has."""
    return f"{node}.virt-handler.{namespace}.svc"


CONTROLLER_CLIENT = "kubevirt.io:system:client:virt-controller"
"""Common name of the certificate by which virt-handlers know virt-controller."""
REFUSAL_HEADER = "X-Podvirt-Refusal"
"""Of a virt-handler that refuses a stream: why. The body of a refused upgrade is read by no WebSocket client."""
