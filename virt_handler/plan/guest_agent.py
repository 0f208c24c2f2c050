"""What a VMI's status shows of the guest agent: that it is there, whether it knows enough, and what it says. Pure.

| shown | while |
|---|---|
| condition AgentConnected | its end of the channel is open |
| condition AgentVersionNotSupported | it lacks commands that this VMI needs |
| condition AccessCredentialsSynchronized | keys and passwords were set, or could not be |
| guestOSInfo, what it adds to interfaces | it has said so, also when it has gone since |
| fsFreezeStatus `frozen` | the guest's file systems take no writes |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from virt_model import conditions
from virt_model.conditions import FALSE, TRUE, Condition, Type

Json = dict[str, Any]
MAX_UNNAMED: Final = 10
"""NICs that the guest has and its VMI does not."""
BASIC: Final = (
    "guest-ping", "guest-get-time", "guest-info", "guest-shutdown", "guest-network-get-interfaces", "guest-get-fsinfo",
    "guest-get-host-name", "guest-get-users", "guest-get-timezone", "guest-get-osinfo",
)  # fmt: skip
PUBLIC_KEY: Final = (
    "guest-ssh-get-authorized-keys", "guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys",
)  # fmt: skip
PASSWORD: Final = ("guest-set-user-password",)
EXEC: Final = ("guest-exec", "guest-exec-status")


class Access(Struct, frozen=True, kw_only=True):
    """Whether the guest has the keys and passwords that its agent is to set; else why not."""

    synchronized: bool
    message: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """A network card as the guest sees it."""

    name: str
    mac: str = ""
    addresses: tuple[str, ...] = ()


class Agent(Struct, frozen=True, kw_only=True):
    """The last that the agent said."""

    commands: tuple[str, ...] = ()
    """Those that are enabled; none before it was asked."""
    os: tuple[tuple[str, str], ...] = ()
    """Fields of guestOSInfo that are not empty."""
    cards: tuple[Card, ...] = ()
    frozen: bool = False
    unfreeze_at: float = 0.0
    """Seconds since 1970; 0 where it stays frozen until somebody unfreezes it."""


def connected(listed: conditions.Conditions, agent: Agent | None, vmi: Json, now: str) -> conditions.Conditions:
    """The conditions while the agent's end of the channel is open; what is there already keeps its time."""
    listed = conditions.copy_in(listed, {"type": Type.AGENT_CONNECTED.value, "status": TRUE, "lastProbeTime": now})
    lacks = lacking(agent, vmi) if agent is not None and agent.commands else ""
    if not lacks:
        return conditions.drop(listed, Type.AGENT_VERSION_NOT_SUPPORTED)
    claim = {"type": Type.AGENT_VERSION_NOT_SUPPORTED.value, "status": TRUE, "lastProbeTime": now, "reason": lacks}
    return conditions.copy_in(listed, claim)


def let_in(listed: conditions.Conditions, access: Access | None, now: str) -> conditions.Conditions:
    """The conditions with what came of setting keys and passwords; None: nothing was tried."""
    return listed if access is None else conditions.put(listed, _claim(access), now)


def is_news(listed: conditions.Conditions, access: Access | None) -> bool:
    """Whether the conditions do not show yet what came of it: an Event tells of that."""
    if access is None:
        return False
    old = conditions.find(listed, Type.ACCESS_CREDENTIALS_SYNCHRONIZED) or {}
    claim = _claim(access)
    return (old.get("status"), old.get("message") or "") != (claim.status, claim.message)


def _claim(access: Access) -> Condition:
    status = TRUE if access.synchronized else FALSE
    return Condition(type=Type.ACCESS_CREDENTIALS_SYNCHRONIZED, status=status, message=access.message)


def gone(listed: conditions.Conditions) -> conditions.Conditions:
    """The conditions once nobody answers on the channel."""
    return conditions.drop(listed, Type.AGENT_CONNECTED, Type.AGENT_VERSION_NOT_SUPPORTED)


def lacking(agent: Agent, vmi: Json) -> str:
    """Which commands that this VMI needs the agent lacks, as the condition's reason; empty: none."""
    for what, needed in _needed(vmi["spec"]):
        if not set(needed) <= set(agent.commands):
            return f"This guest agent doesn't support required {what} commands"
    return ""


def _needed(spec: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "basic", BASIC
    for credential in spec.get("accessCredentials") or ():
        for kind, what, needed in (("sshPublicKey", "public key", PUBLIC_KEY), ("userPassword", "password", PASSWORD)):
            if "qemuGuestAgent" in ((credential.get(kind) or {}).get("propagationMethod") or {}):
                yield what, needed
    if any("exec" in (spec.get(probe) or {}) for probe in ("livenessProbe", "readinessProbe")):
        yield "exec probe", EXEC


def shown(status: Json, agent: Agent | None) -> Json:
    """The status with what the agent says of the whole guest."""
    rest = {key: value for key, value in status.items() if key != "fsFreezeStatus"}
    if agent is None:
        return rest
    if agent.os:
        rest["guestOSInfo"] = dict(agent.os)
    return {**rest, "fsFreezeStatus": "frozen"} if agent.frozen else rest


def told_of(entry: Json, agent: Agent, *, translated: bool) -> Json:
    """An entry of `status.interfaces` with what the guest knows of the card with its MAC address.

    The pod's address wins in each family, and is shown only where the guest has one of that family: before, nothing
    would answer on it. `translated`: the guest's own addresses mean nothing outside.
    """
    card = next((each for each in agent.cards if each.mac.lower() == entry.get("mac", "").lower()), None)
    if card is None:
        return entry
    inside = tuple(each for each in card.addresses if not each.lower().startswith("fe80:"))
    families = {_family(address) for address in inside}
    outside = [address for address in entry.get("ipAddresses") or () if _family(address) in families]
    taken = {_family(address) for address in outside}
    seen = outside if translated else [*outside, *(each for each in card.addresses if _family(each) not in taken)]
    new = {key: value for key, value in entry.items() if key not in ("ipAddress", "ipAddresses")}
    if seen:
        new |= {"ipAddress": seen[0], "ipAddresses": seen}
    return {**new, "interfaceName": card.name}


def knows(agent: Agent | None, mac: str) -> bool:
    """Whether the guest has a card with that MAC address."""
    return agent is not None and any(card.mac.lower() == mac.lower() for card in agent.cards)


def unnamed(agent: Agent | None, macs: set[str]) -> list[Json]:
    """Entries for cards that are none of the domain's."""
    cards = [card for card in agent.cards if card.mac.lower() not in macs] if agent is not None else []
    return [_entry(card) for card in cards[:MAX_UNNAMED]]


def _entry(card: Card) -> Json:
    entry: Json = {"infoSource": "guest-agent", "interfaceName": card.name, "mac": card.mac}
    if card.addresses:
        entry |= {"ipAddress": card.addresses[0], "ipAddresses": list(card.addresses)}
    return entry


def _family(address: str) -> int:
    return 6 if ":" in address else 4
