"""What a VMI's status shows of its guest agent."""

from __future__ import annotations

from typing import Any

import pytest

from virt_handler.plan import guest_agent, status
from virt_handler.plan.domain import Domain, Nic
from virt_handler.plan.guest_agent import BASIC, EXEC, PASSWORD, PUBLIC_KEY, Access, Agent, Card

NOW, LATER = "2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z"
MAC = "02:00:00:00:00:0A"
Json = dict[str, Any]
ALL = (*BASIC, *PUBLIC_KEY, *PASSWORD, *EXEC)


def vmi(binding: str = "masquerade", **spec: Any) -> Json:
    devices = {"interfaces": [{"name": "default", binding: {}}]}
    networks = [{"name": "default", "pod": {}}]
    return {"spec": {"domain": {"devices": devices}, "networks": networks, **spec}, "status": {"phase": "Running"}}


def shown(given: Json, agent: Agent | None, *, connected: bool = True, at: str = NOW) -> Json:
    nic = Nic(name="default", mac=MAC.lower())
    domain = Domain(status="running", reason="booted", agent_connected=connected, agent=agent, interfaces=(nic,))
    return status.running(given, domain, {"default": ("10.244.0.7", "fd00::7")}, at)


def claims(written: Json) -> dict[str, Json]:
    return {each["type"]: each for each in written["conditions"]}


def test_it_comes_and_goes() -> None:
    given = vmi()
    first = shown(given, None)
    assert claims(first) == {
        "AgentConnected": {
            "type": "AgentConnected", "status": "True", "lastProbeTime": NOW, "lastTransitionTime": None,
        }
    }  # fmt: skip
    said = Agent(commands=ALL, os=(("name", "Debian"),))
    second = shown({**given, "status": first}, said, at=LATER)
    assert claims(second)["AgentConnected"]["lastProbeTime"] == NOW
    assert second["guestOSInfo"] == {"name": "Debian"}
    third = shown({**given, "status": second}, said, connected=False)
    assert claims(third) == {} and third["guestOSInfo"] == {"name": "Debian"}


KEYS = {"sshPublicKey": {"propagationMethod": {"qemuGuestAgent": {"users": ["a"]}}}}
WORD = {"userPassword": {"propagationMethod": {"qemuGuestAgent": {}}}}
PROBE = {"exec": {"command": ["true"]}}


@pytest.mark.parametrize(
    ("commands", "spec", "what"),
    [
        (ALL[1:], {}, "basic"),
        (BASIC, {}, ""),
        (BASIC, {"accessCredentials": [KEYS]}, "public key"),
        (BASIC, {"accessCredentials": [WORD]}, "password"),
        (BASIC, {"readinessProbe": PROBE}, "exec probe"),
        (BASIC, {"livenessProbe": {"guestAgentPing": {}}}, ""),
        (ALL, {"accessCredentials": [KEYS, WORD], "livenessProbe": PROBE}, ""),
        ((), {}, ""),  # it was not asked yet
    ],
)
def test_it_may_know_too_little_for_this_guest(commands: tuple[str, ...], spec: Json, what: str) -> None:
    found = claims(shown(vmi(**spec), Agent(commands=commands))).get("AgentVersionNotSupported")
    assert (found or {}).get("reason", "") == (
        f"This guest agent doesn't support required {what} commands" if what else ""
    )
    assert found is None or "message" not in found


def test_frozen_is_shown_only_while_it_is() -> None:
    given = vmi()
    frozen = shown(given, Agent(frozen=True))
    assert frozen["fsFreezeStatus"] == "frozen"
    assert "fsFreezeStatus" not in shown({**given, "status": frozen}, Agent())


@pytest.mark.parametrize(
    ("binding", "inside", "outside"),
    [
        ("masquerade", ("10.0.2.2", "fe80::1"), ["10.244.0.7"]),  # nothing in the guest answers on IPv6
        ("masquerade", ("10.0.2.2", "fd10::2"), ["10.244.0.7", "fd00::7"]),
        ("masquerade", (), []),
        ("bridge", ("10.244.0.7", "fe80::1"), ["10.244.0.7", "fe80::1"]),
    ],
)
def test_an_interface_as_domain_agent_and_pod_know_it(
    binding: str, inside: tuple[str, ...], outside: list[str]
) -> None:
    known = Card(name="eth0", mac=MAC, addresses=inside)
    more = tuple(Card(name=f"veth{at}", mac=f"0a::{at}", addresses=("1.2.3.4",)) for at in range(20))
    first, *others = shown(vmi(binding), Agent(cards=(known, *more)))["interfaces"]
    assert first["infoSource"] == "domain, guest-agent"
    assert first["interfaceName"] == "eth0"
    assert first.get("ipAddresses", []) == outside
    assert first.get("ipAddress") == (outside[0] if outside else None)
    assert len(others) == guest_agent.MAX_UNNAMED
    assert others[0] == {
        "infoSource": "guest-agent", "interfaceName": "veth0", "mac": "0a::0", "ipAddress": "1.2.3.4",
        "ipAddresses": ["1.2.3.4"],
    }  # fmt: skip


def test_before_its_first_word_after_a_move_the_domain_speaks_alone() -> None:
    known = Card(name="eth0", mac=MAC, addresses=("10.0.2.2",))
    before = shown(vmi(), Agent(cards=(known,)))
    after = shown({**vmi(), "status": before}, None)
    assert after["interfaces"][0]["infoSource"] == "domain"


def test_whether_keys_and_passwords_were_set_is_shown_and_told_once() -> None:
    given = vmi()
    failed, done = Access(synchronized=False, message="no such user"), Access(synchronized=True)
    assert not guest_agent.is_news([], None)
    for access, before in ((failed, []), (done, guest_agent.let_in([], failed, NOW))):
        assert guest_agent.is_news(before, access)
        after = guest_agent.let_in(before, access, LATER)
        assert not guest_agent.is_news(after, access)
        assert guest_agent.let_in(after, None, NOW) == after
    shown_ = status.running(given, Domain(status="running", agent_connected=True, access=failed), {}, NOW)
    assert claims(shown_)["AccessCredentialsSynchronized"] == {
        "type": "AccessCredentialsSynchronized", "status": "False", "message": "no such user", "lastProbeTime": None,
        "lastTransitionTime": NOW,
    }  # fmt: skip
