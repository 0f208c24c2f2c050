"""Panic devices: what the guest gets, and what QEMU says when one was used."""

from __future__ import annotations

import pytest

from tests.unit.virt_launcher.domains import given, guest
from virt_launcher.plan.domain import render
from virt_launcher.plan.panic import Said, told
from virt_launcher.plan.refusal import CannotBuild


def xml(*models: str | None) -> str:
    devices = [{"model": model} if model else {} for model in models]
    return render(given(guest({"panicDevices": devices})))


def test_the_model_is_the_users_or_libvirts_choice() -> None:
    assert xml().count("<panic") == 0
    assert "<panic />" in xml(None)
    assert '<panic model="isa" />' in xml("isa")


def test_two_of_a_model_are_refused() -> None:
    with pytest.raises(CannotBuild, match="one of each model, not two of isa"):
        xml("isa", "isa")
    with pytest.raises(CannotBuild, match="model siren is not one of isa, hyperv, pvpanic"):
        xml("siren")


@pytest.mark.parametrize("details", [None, "", "no JSON", "[]", '{"action": "pause"}', '{"info": 7}'])
def test_that_it_happened_is_all_that_most_devices_say(details: str | None) -> None:
    assert told(details) == Said()


def test_the_arguments_of_a_bug_check() -> None:
    said = '{"action": "pause", "info": {"type": "hyper-v", "arg1": 126, "arg2": 1, "arg3": 18446744073709551615}}'
    assert told(said) == Said(kind="hyper-v", arguments=("0x7e", "0x1", "0xffffffffffffffff", "0x0", "0x0"))
    assert told('{"info": {"type": "hyper-v", "arg1": -1}}') == Said(kind="hyper-v")
    assert told('{"info": {"type": "s390", "core": 0}}') == Said(kind="s390")
