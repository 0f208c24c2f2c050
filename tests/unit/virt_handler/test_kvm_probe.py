"""The proof of usable KVM: it always ends, and says why not."""

from __future__ import annotations

import os
import platform

import pytest

from virt_handler.adapters import kvm_probe
from virt_handler.adapters.kvm_probe import kvm_problem

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is x86-64")


def test_no_device() -> None:
    assert kvm_problem("/dev/nosuch") == "/dev/nosuch does not exist"


def test_a_device_that_is_not_kvm() -> None:
    assert kvm_problem("/dev/null", deadline=60).startswith("/dev/null: ")


def test_the_deadline_holds() -> None:
    assert kvm_problem("/dev/null", deadline=0.001) == "a 64-bit guest did not finish within 0.001 s"


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no KVM here")
def test_a_program_that_any_kvm_can_run_shows_that_the_guest_is_set_up_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long mode, paging and the port work; then only what the program computes can be wrong."""
    answer = kvm_probe.ROUNDS.to_bytes(4, "little")
    monkeypatch.setattr(
        kvm_probe, "_PROGRAM", b"\xb8" + answer + b"\x66\xba\xf8\x03\xef\xf4"
    )  # mov eax; mov dx; out; hlt
    assert kvm_probe.run_vcpu() == ""
    monkeypatch.setattr(kvm_probe, "_PROGRAM", b"\xb8\x07\0\0\0\x66\xba\xf8\x03\xef\xf4")
    assert kvm_probe.run_vcpu() == f"a 64-bit guest computed 7 instead of {kvm_probe.ROUNDS}"
    monkeypatch.setattr(kvm_probe, "_PROGRAM", b"\xf4")
    assert kvm_probe.run_vcpu() == "a 64-bit guest stopped with exit reason 5"
