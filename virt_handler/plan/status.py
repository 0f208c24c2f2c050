"""The status of a VMI as virt-handler writes it: one function per moment of its life. Pure.

Scheduled ─► Running +migratable, interfaces, targets, machine ─► … ─► Succeeded or Failed, −addresses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virt_handler.plan import guest_agent, migratable
from virt_handler.plan.domain import Domain
from virt_handler.plan.pod import readiness_of
from virt_model import conditions, readiness
from virt_model.conditions import FALSE, TRUE, UNKNOWN, Condition, Stamp, Type
from virt_model.phases import DomainStatus, Phase

Json = dict[str, Any]
SYNC_FAILED = "Synchronizing with the Domain failed."
SILENCE = "virt-launcher or its QEMU has stopped answering: what the guest does is unknown"
BY_USER = Condition(
    type=Type.PAUSED, status=TRUE, reason="PausedByUser", message="VMI was paused by user", stamp=Stamp.PROBED
)
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
    listed = _paused_shown(listed, domain, now)
    if domain.agent_connected:
        listed = guest_agent.connected(listed, domain.agent, vmi, now)
    else:
        listed = guest_agent.gone(listed)
    listed = guest_agent.let_in(listed, domain.access, now)
    status["conditions"] = list(listed)
    return guest_agent.shown(status, domain.agent)


def ended(vmi: Json, phase: Phase, now: str) -> Json:
    """Succeeded or Failed: the addresses are the pod's no more, and nothing is connected or paused."""
    status = with_phase(vmi, phase, now)
    gone = ("ipAddress", "ipAddresses")
    old = status.get("interfaces") or ()
    entries = [{key: value for key, value in entry.items() if key not in gone} for entry in old]
    if entries:
        status["interfaces"] = entries
    listed = conditions.drop(guest_agent.gone(status.get("conditions") or []), Type.PAUSED)
    if is_unheard(vmi):
        listed = conditions.drop(listed, Type.SYNCHRONIZED)
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
    return _claiming(vmi, Condition(type=Type.SYNCHRONIZED, status=FALSE, reason=SYNC_FAILED, message=message), now)


def unheard(vmi: Json, now: str) -> Json:
    """Nobody answers for the guest: what was last known stays, and this condition says that it is old."""
    claim = Condition(type=Type.SYNCHRONIZED, status=UNKNOWN, reason="LauncherSilent", message=SILENCE)
    return _claiming(vmi, claim, now)


def is_unheard(vmi: Json) -> bool:
    listed = (vmi.get("status") or {}).get("conditions") or []
    return conditions.is_unknown(listed, Type.SYNCHRONIZED)


def _claiming(vmi: Json, claim: Condition, now: str) -> Json:
    """The status with one condition put into it, and nothing else changed."""
    status = dict(vmi.get("status") or {})
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
    given = (vmi["spec"]["domain"].get("devices") or {}).get("interfaces") or ()
    inside = {nic["name"] for nic in given if "masquerade" in nic}
    nics = sorted(domain.interfaces, key=lambda nic: nic.name not in order)
    entries = []
    for nic in nics:
        entry: Json = {"podInterfaceName": "eth0"} if nic.name in order else {}
        entry |= old.get(nic.name, {})
        sources = ["domain"]
        if guest_agent.knows(domain.agent, nic.mac):
            sources.append("guest-agent")
        if "multus-status" in str(entry.get("infoSource", "")):
            sources.append("multus-status")
        entry |= {"name": nic.name, "mac": nic.mac, "queueCount": nic.queues, "infoSource": ", ".join(sources)}
        entry["linkState"] = "up" if nic.link_up else "down"
        if found := addresses.get(nic.name):
            entry |= {"ipAddress": found[0], "ipAddresses": list(found)}
        if domain.agent is not None:
            entry = guest_agent.told_of(entry, domain.agent, translated=nic.name in inside)
        entries.append(entry)
    return entries + guest_agent.unnamed(domain.agent, {nic.mac.lower() for nic in nics})


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


def handed_over(vmi: Json, domain: Domain, now: str) -> Json:
    """Of a guest that has moved away: what its next node must know of it."""
    status = dict(vmi.get("status") or {})
    listed: conditions.Conditions = status.get("conditions") or []
    if (shown := _paused_shown(listed, domain, now)) != listed:
        status["conditions"] = list(shown)
    return status


def _paused_shown(listed: conditions.Conditions, domain: Domain, now: str) -> conditions.Conditions:
    """Paused follows the domain; during a migration's end only as far as the launcher knows what the user wants."""
    if domain.switching or domain.over:
        return listed if domain.held is None else _follow(listed, BY_USER if domain.held else None, Type.PAUSED, now)
    return _follow(listed, _paused(domain), Type.PAUSED, now)


def _paused(domain: Domain) -> Condition | None:
    if domain.held:
        return BY_USER
    if domain.status != DomainStatus.PAUSED:
        return None
    if domain.reason == "ioerror":
        why, text = "PausedIOError", "VMI was paused, low-level IO error detected"
    elif domain.reason == "migration":
        why, text = "PausedByMigrationMonitor", "VMI was paused by the migration monitor"
    else:
        return BY_USER
    return Condition(type=Type.PAUSED, status=TRUE, reason=why, message=text, stamp=Stamp.PROBED)
