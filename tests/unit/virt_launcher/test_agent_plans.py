"""What a guest agent says, however wild, becomes a message of bounded size; and when it is asked what."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_ipc import agent, wire
from virt_launcher.adapters import agent_words
from virt_launcher.plan.agent_polls import FIRST, LONGEST, ON_DEMAND, Polls, Topic

_KEYS = (
    "version", "supported_commands", "name", "enabled", "hardware-address", "ip-addresses", "ip-address", "zone",
    "offset", "user", "domain", "login-time", "mountpoint", "type", "used-bytes", "total-bytes", "disk", "bus-type",
    "serial", "host-name", "pretty-name", "id",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.sampled_from(_KEYS) | st.text(), inner, max_size=8),
    max_leaves=60,
)

ASKED = [topic for topic in Topic if topic not in ON_DEMAND]


@given(JSON)
def test_whatever_an_agent_says_fits_into_the_messages(said: Any) -> None:
    info = agent.GuestInfo(
        version=agent_words.version_of(said), commands=agent_words.commands_of(said), os=agent_words.os_of(said),
        hostname=agent_words.hostname_of(said), timezone=agent_words.timezone_of(said),
        users=agent_words.users_of(said), file_systems=agent_words.file_systems_of(said),
        frozen=agent_words.is_frozen(said),
    )  # fmt: skip
    assert wire.decoder(agent.GuestInfo)(wire.encode(info)) == info
    report = agent.AgentReport(nics=agent_words.nics_of(said), os=info.os)
    assert wire.decoder(agent.AgentReport)(wire.encode(report)) == report


def test_a_flood_is_cut() -> None:
    nic = {"name": "n" * 999, "hardware-address": "x" * 999, "ip-addresses": [{"ip-address": "1" * 999}] * 999}
    found = agent_words.nics_of([nic] * 9999)
    assert len(found) == agent.MAX_NICS and len(found[0].addresses) == agent.MAX_ADDRESSES
    assert len(wire.encode(agent.AgentReport(nics=found))) < 512 << 10
    assert len(agent_words.commands_of({"supported_commands": [{"name": "c" * 999}] * 9999})) == agent.MAX_COMMANDS
    users = agent_words.users_of([{"user": "\x1b[2Jroot\x00", "login-time": float("inf")}] * 9999)
    assert (len(users), users[0].name, users[0].login_time) == (agent.MAX_USERS, "[2Jroot", 0.0)


def test_what_qemus_agent_says() -> None:
    nics = agent_words.nics_of(
        [
            {"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8, "ip-address-type": "ipv4"}]},
            {
                "name": "eth0",
                "hardware-address": "02:00:00:00:00:01",
                "ip-addresses": [{"ip-address": "10.0.2.2", "prefix": 24}, {"ip-address": "fe80::1"}],
            },
        ]
    )
    assert nics == [agent.GuestNic(name="eth0", mac="02:00:00:00:00:01", addresses=["10.0.2.2", "fe80::1"])]
    assert agent_words.timezone_of({"zone": "CET", "offset": 3600}) == "CET, 3600"
    assert agent_words.timezone_of({"offset": "3600"}) == ""
    said = {"name": "Debian", "pretty-name": "Debian 13", "kernel-release": "6.12", "machine": "x86_64"}
    known = agent.GuestOs(name="Debian", pretty_name="Debian 13", kernel_release="6.12", machine="x86_64")
    assert agent_words.os_of(said) == known
    commands = agent_words.commands_of({"supported_commands": [{"name": "guest-ping", "enabled": True}, {"name": "x"}]})
    assert [(each.name, each.enabled) for each in commands] == [("guest-ping", True), ("x", False)]
    fs = {"name": "vda1", "mountpoint": "/", "type": "ext4", "used-bytes": 1, "total-bytes": 2,
          "disk": [{"bus-type": "virtio", "serial": "s"}]}  # fmt: skip
    assert agent_words.file_systems_of([fs]) == [
        agent.GuestFileSystem(disk_name="vda1", mount_point="/", type="ext4", used=1, total=2,
                              disks=[agent.GuestDisk(bus="virtio", serial="s")])
    ]  # fmt: skip


def test_everything_is_asked_at_once_and_then_less_and_less() -> None:
    polls = Polls.begin(100.0, ASKED)
    asked = []
    for _ in ASKED:
        topic, due = polls.next()
        assert due == 100.0
        asked.append(topic)
        polls = polls.asked(topic, 100.0)
    assert sorted(asked) == sorted(ASKED)
    now, asked_at = 100.0, {topic: [100.0] for topic in ASKED}
    while now < 3700:
        topic, now = polls.next()
        asked_at[topic] = [*asked_at[topic], now]
        polls = polls.asked(topic, now)
    for topic, times in asked_at.items():
        waits = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert waits[:2] == [FIRST, min(2 * FIRST, LONGEST[topic])] and waits == sorted(waits)
        assert waits[-1] == LONGEST[topic]


def test_what_only_metrics_show_is_asked_once_for_each_who_looks() -> None:
    polls = Polls.begin(0.0, [Topic.INFO]).asked(Topic.INFO, 0.0)
    wanted = polls.wanted(5.0)
    assert {wanted.next()[0], wanted.asked(wanted.next()[0], 5.0).next()[0]} == set(ON_DEMAND)
    for topic in ON_DEMAND:
        wanted = wanted.asked(topic, 6.0)
    assert wanted == polls


@pytest.mark.parametrize("soon", [2.0, 5.0])
def test_what_will_change_soon_is_asked_soon_and_does_not_wait_longer_for_it(soon: float) -> None:
    polls = Polls.begin(0.0, ASKED)
    for turn in range(5):
        polls = polls.asked(Topic.NICS, turn * soon, soon=soon)
        assert polls.due[Topic.NICS] == (turn + 1) * soon
    assert polls.asked(Topic.NICS, 50.0).due[Topic.NICS] == 50.0 + FIRST
