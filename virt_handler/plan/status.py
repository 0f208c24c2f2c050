"""The status of a VMI as virt-handler writes it: one function per moment of its life. Pure.

Scheduled ─► Running +migratable, interfaces, targets, machine ─► … ─► Succeeded or Failed, −addresses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virt_handler.plan import migratable
from virt_handler.plan.domain import Domain
from virt_handler.plan.pod import readiness_of
from virt_model import conditions, readiness
from virt_model.conditions import FALSE, TRUE, Condition, Stamp, Type
from virt_model.phases import DomainStatus, Phase

Json = dict[str, Any]
SYNC_FAILED = "Synchronizing with the Domain failed."
Addresses = Mapping[str, tuple[str, ...]]
"""Network name to the pod's addresses of it, in the order to show."""


def taken_over(vmi: Json) -> Json:
    """At Scheduled: what can be said before the guest runs."""
    status = dict(vmi.get("status") or {})
    status["selinuxContext"] = status.get("selinuxContext") or "none"
    status["migrationMethod"] = migratable.method_of(vmi)
    listed: conditions.Conditions = status.get("conditions") or []
    for claim in migratable.conditions_of(vmi):
        listed = conditions.put(listed, claim, "")
    status["conditions"] = list(listed)
    return status


def is_taken_over(vmi: Json) -> bool:
    return conditions.find((vmi.get("status") or {}).get("conditions") or [], Type.LIVE_MIGRATABLE) is not None


def running(vmi: Json, domain: Domain, addresses: Addresses, now: str) -> Json:
    """While the guest lives: phase, NICs, targets, machine type, and the conditions that follow the domain."""
    status = with_phase(vmi, Phase.RUNNING, now)
    status["interfaces"] = interfaces(vmi, domain, addresses)
    status["volumeStatus"] = volume_status(vmi, domain)
    if domain.machine_type:
        status["machine"] = {"type": domain.machine_type}
    listed = conditions.drop(status.get("conditions") or [], Type.SYNCHRONIZED)
    listed = _follow(listed, _paused(domain), Type.PAUSED, now)
    listed = _agent(listed, domain, now)
    status["conditions"] = list(listed)
    return status


def ended(vmi: Json, phase: Phase, now: str) -> Json:
    """Succeeded or Failed: the addresses are the pod's no more, and nothing is connected or paused."""
    status = with_phase(vmi, phase, now)
    gone = ("ipAddress", "ipAddresses")
    old = status.get("interfaces") or ()
    entries = [{key: value for key, value in entry.items() if key not in gone} for entry in old]
    if entries:
        status["interfaces"] = entries
    listed = conditions.drop(status.get("conditions") or [], Type.AGENT_CONNECTED, Type.PAUSED)
    status["conditions"] = list(listed)
    return status


def with_readiness(status: Json, pod: Json | None, now: str) -> Json:
    """The status with the Ready condition that virt-controller would put into it next, which saves it the write.

    While the guest runs only a Ready pod counts: whatever else is said of it is virt-controller's to word.
    """
    phase = Phase(status["phase"])
    claim = readiness.ready(phase, readiness_of(pod) if pod is not None else None)
    listed: conditions.Conditions = status.get("conditions") or []
    if isinstance(claim, Condition):
        listed = conditions.put(listed, claim, now) if phase.final else listed
    elif claim.get("status") == TRUE:
        listed = conditions.copy_in(listed, claim)
    return {**status, "conditions": list(listed)}


def out_of_sync(vmi: Json, message: str, now: str) -> Json:
    """The domain could not be made what the VMI says."""
    status = dict(vmi.get("status") or {})
    claim = Condition(type=Type.SYNCHRONIZED, status=FALSE, reason=SYNC_FAILED, message=message)
    status["conditions"] = list(conditions.put(status.get("conditions") or [], claim, now))
    return status


def with_phase(vmi: Json, phase: Phase, now: str) -> Json:
    """A copy of the status in `phase`; a change is entered into the list of transitions."""
    status = dict(vmi.get("status") or {})
    if status.get("phase") != phase:
        status["phase"] = phase.value
        entry = {"phase": phase.value, "phaseTransitionTimestamp": now}
        status["phaseTransitionTimestamps"] = [*(status.get("phaseTransitionTimestamps") or ()), entry]
    return status


def interfaces(vmi: Json, domain: Domain, addresses: Addresses) -> list[Json]:
    """One entry per NIC of the domain, the primary network first; fields we do not own stay as they are."""
    old = {entry.get("name"): entry for entry in (vmi.get("status") or {}).get("interfaces") or ()}
    order = [network["name"] for network in vmi["spec"].get("networks") or () if _primary(network)]
    nics = sorted(domain.interfaces, key=lambda nic: nic.name not in order)
    entries = []
    for nic in nics:
        entry: Json = {"podInterfaceName": "eth0"} if nic.name in order else {}
        entry |= old.get(nic.name, {})
        known = [source for source in ("domain", "guest-agent", "multus-status")
                 if source == "domain" or source in str(entry.get("infoSource", ""))]  # fmt: skip
        entry |= {"name": nic.name, "mac": nic.mac, "queueCount": nic.queues, "infoSource": ", ".join(known)}
        entry["linkState"] = "up" if nic.link_up else "down"
        if found := addresses.get(nic.name):
            entry |= {"ipAddress": found[0], "ipAddresses": list(found)}
        entries.append(entry)
    return entries


def _primary(network: Json) -> bool:
    return "pod" in network or bool(network.get("multus", {}).get("default"))


def volume_status(vmi: Json, domain: Domain) -> list[Json]:
    """Every volume with the disk target it has in the domain, sorted by name."""
    targets = dict(domain.disks)
    old = {entry["name"]: entry for entry in (vmi.get("status") or {}).get("volumeStatus") or ()}
    for volume in vmi["spec"].get("volumes") or ():
        old.setdefault(volume["name"], {"name": volume["name"], "target": ""})
    return [{**old[name], **({"target": targets[name]} if name in targets else {})} for name in sorted(old)]


def _follow(listed: conditions.Conditions, claim: Condition | None, type_: Type, now: str) -> conditions.Conditions:
    return conditions.drop(listed, type_) if claim is None else conditions.put(listed, claim, now)


def _paused(domain: Domain) -> Condition | None:
    if domain.status != DomainStatus.PAUSED:
        return None
    if domain.reason == "ioerror":
        why, text = "PausedIOError", "VMI was paused, low-level IO error detected"
    elif domain.reason == "migration":
        why, text = "PausedByMigrationMonitor", "VMI was paused by the migration monitor"
    else:
        why, text = "PausedByUser", "VMI was paused by user"
    return Condition(type=Type.PAUSED, status=TRUE, reason=why, message=text, stamp=Stamp.PROBED)


def _agent(listed: conditions.Conditions, domain: Domain, now: str) -> conditions.Conditions:
    if not domain.agent_connected:
        return conditions.drop(listed, Type.AGENT_CONNECTED)
    return conditions.copy_in(listed, {"type": Type.AGENT_CONNECTED.value, "status": TRUE, "lastProbeTime": now})
