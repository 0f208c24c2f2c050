"""Actions of capabilities that are not there yet: what is said no to, in the words in which each is refused otherwise.

| action | refused by |
|---|---|
| addvolume, removevolume | the request, the owner of a VMI, the volumes that there are; then: not supported yet |
| memorydump | no claim named, guest not running; then: not supported yet |
| removememorydump | there is none |
| backup, redefine-checkpoint | gate IncrementalBackup; then: not supported yet |
| sev/… | gate WorkloadEncryptionSEV, the request, the guest's phase; nobody asked for an attestation |

So a caller learns what is wrong with a request before learning that it could not be served. Two of the SEV actions
are answered as plain text, because clients have seen them so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec

from virt_api.plan.options import decode
from virt_api.plan.reading import Raw, rows, table, text
from virt_api.plan.status import VM, VMI, CallFailed, bad_request, conflict, not_found, plain
from virt_model.config import ClusterConfig
from virt_model.phases import Phase

HOTPLUGGED = ("persistentVolumeClaim", "dataVolume")
NO_ATTESTATION = "Attestation not requested for VMI"
Body = TypeVar("Body", bound=msgspec.Struct)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request and what it is about: the VM where one was named, and the VMI. None: there is none."""

    name: str
    body: bytes
    config: ClusterConfig
    vm: Raw | None
    vmi: Raw | None

    def the_vm(self) -> Raw:
        """Raises CallFailed."""
        if self.vm is None:
            raise CallFailed(not_found(VM, self.name))
        return self.vm

    def the_vmi(self) -> Raw:
        """Raises CallFailed."""
        if self.vmi is None:
            raise CallFailed(not_found(VMI, self.name))
        return self.vmi

    def require_gate(self, gate: str) -> None:
        """Raises CallFailed."""
        if not self.config.gate(gate):
            raise CallFailed(bad_request(f"'{gate}' feature gate is not enabled"))

    def require_phase(self, words: str, *phases: Phase) -> None:
        """Raises CallFailed, also where there is no VMI."""
        if text(self.the_vmi(), "status", "phase") not in phases:
            raise CallFailed(conflict(VMI, self.name, words))


class AddVolume(msgspec.Struct, frozen=True, rename="camel"):
    """`volume_source` names a claim or a data volume."""

    name: str = ""
    disk: Raw | None = None
    volume_source: Raw | None = None


class RemoveVolume(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""


class MemoryDump(msgspec.Struct, frozen=True, rename="camel"):
    """`claim_name`: where to."""

    claim_name: str = ""


class SevSession(msgspec.Struct, frozen=True):
    """Both in base64."""

    session: str = ""
    dh_cert: str = msgspec.field(default="", name="dhCert")


def add_volume(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    wanted = decode(asked.body, AddVolume)
    for value, words in (
        (wanted.name, "name to be set"),
        (wanted.disk, "disk to not be nil"),
        (wanted.volume_source, "VolumeSource to not be nil"),
    ):
        if not value:
            raise CallFailed(bad_request(f"AddVolumeOptions requires {words}"))
    if _volume(asked, wanted.name) is not None:
        why = f"Unable to add volume [{wanted.name}] because volume with that name already exists"
        raise CallFailed(bad_request(why))
    raise CallFailed(bad_request("Unable to Add Volume: hot-plugged volumes are not supported yet"))


def remove_volume(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    wanted = decode(asked.body, RemoveVolume)
    if not wanted.name:
        raise CallFailed(bad_request("RemoveVolumeOptions requires name to be set"))
    volume = _volume(asked, wanted.name)
    if volume is None:
        raise CallFailed(bad_request(f"Unable to remove volume [{wanted.name}] because it does not exist"))
    if not any(table(volume, source).get("hotpluggable") for source in HOTPLUGGED):
        raise CallFailed(bad_request(f"Unable to remove volume [{wanted.name}] because it is not hotpluggable"))
    raise CallFailed(bad_request("Unable to Remove Volume: hot-plugged volumes are not supported yet"))


def _volume(asked: Asked, name: str) -> Raw | None:
    """The volume of that name in the VM's template; else in the VMI, which must be nobody's."""
    if asked.vm is not None:
        spec = table(asked.vm, "spec", "template", "spec")
    else:
        vmi = asked.the_vmi()
        if any(text(owner, "kind") == "VirtualMachine" for owner in rows(vmi, "metadata", "ownerReferences")):
            namespace = text(vmi, "metadata", "namespace")
            raise CallFailed(bad_request(f"VMI {namespace}/{asked.name} is owned by a VM"))
        spec = table(vmi, "spec")
    return next((volume for volume in rows(spec, "volumes") if text(volume, "name") == name), None)


def dump_memory(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    wanted = decode(asked.body, MemoryDump)
    asked.the_vm()
    if not wanted.claim_name:
        raise CallFailed(bad_request("Memory dump requires claim name to be set"))
    asked.require_phase("VMI is not running", Phase.RUNNING)
    raise CallFailed(bad_request("Unable to memory dump: memory dumps are not supported yet"))


def forget_dump(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    asked.the_vm()
    why = f"can't remove memory dump association for vm {asked.name}, no association found"
    raise CallFailed(conflict(VM, asked.name, why))


def back_up(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    asked.require_gate("IncrementalBackup")
    asked.the_vmi()
    raise CallFailed(bad_request("Unable to back up: incremental backup is not supported yet"))


def attest(asked: Asked) -> NoReturn:
    """The certificates or the measurement of a guest. Raises CallFailed."""
    asked.require_gate("WorkloadEncryptionSEV")
    try:
        asked.require_phase("VMI is not running", Phase.RUNNING, Phase.SCHEDULED)
        raise CallFailed(conflict(VMI, asked.name, NO_ATTESTATION))
    except CallFailed as failed:
        raise CallFailed(plain(failed.failure)) from None


def set_up_session(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    asked.require_gate("WorkloadEncryptionSEV")
    if not asked.body.strip():
        raise CallFailed(bad_request("Request with no body: SEV session parameters are required"))
    wanted = decode(asked.body, SevSession)
    if not wanted.session:
        raise CallFailed(bad_request("Session blob is required"))
    if not wanted.dh_cert:
        raise CallFailed(bad_request("DH cert is required"))
    asked.require_phase("VMI is not in Scheduled phase", Phase.SCHEDULED)
    raise CallFailed(conflict(VMI, asked.name, NO_ATTESTATION))


def inject_secret(asked: Asked) -> NoReturn:
    """Raises CallFailed."""
    asked.require_gate("WorkloadEncryptionSEV")
    if not asked.body.strip():
        raise CallFailed(bad_request("Request with no body: SEV secret parameters are required"))
    asked.require_phase("VMI is not running", Phase.RUNNING)
    raise CallFailed(conflict(VMI, asked.name, NO_ATTESTATION))


Refuse = Callable[[Asked], NoReturn]
OF_VM: dict[str, Refuse] = {
    "addvolume": add_volume,
    "removevolume": remove_volume,
    "memorydump": dump_memory,
    "removememorydump": forget_dump,
}
OF_VMI: dict[str, Refuse] = {
    "addvolume": add_volume,
    "removevolume": remove_volume,
    "backup": back_up,
    "redefine-checkpoint": back_up,
    "sev/setupsession": set_up_session,
    "sev/injectlaunchsecret": inject_secret,
}
OF_VMI_TO_READ: dict[str, Refuse] = {"sev/fetchcertchain": attest, "sev/querylaunchmeasurement": attest}
