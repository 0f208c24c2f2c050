"""Where a port-forward leads, or why nowhere."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from virt_api.plan.status import CallFailed
from virt_api.plan.tunnel import End, end_of, not_started, unanswered

NICS = [{"name": "default", "ipAddress": "10.1.2.3"}, {"name": "more", "ipAddress": "10.9.9.9"}]


def vmi(*conditions: str, nics: list[dict[str, Any]] = NICS) -> dict[str, Any]:
    listed = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": {"name": "x"}, "status": {"conditions": listed, "interfaces": nics}}


def test_the_first_interface_is_the_end() -> None:
    end = end_of(vmi(), "22", "udp")
    assert (end.protocol, end.host, end.port) == ("udp", "10.1.2.3", 22)
    assert str(end_of(vmi(nics=[{"ipAddress": "fd00::1"}]), "65535", "tcp")) == "tcp [fd00::1]:65535"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "ssh", "", "1e3", "²", "1" * 5000])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(CallFailed) as caught:
        end_of(vmi(), port, "tcp")
    assert caught.value.failure.code == 400 and caught.value.failure.message.startswith("invalid port")


@pytest.mark.parametrize(
    ("seen", "protocol", "code", "message"),
    [
        (vmi(), "sctp", 400, "unknown protocol sctp: it is tcp or udp"),
        (vmi(nics=[]), "tcp", 400, "no network interfaces are present"),
        (vmi(nics=[{"name": "default"}, *NICS]), "tcp", 400, "no network interfaces are present"),
        (
            vmi("Paused"),
            "tcp",
            409,
            'Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "x": VMI is paused',
        ),
    ],
)
def test_refusals(seen: dict[str, Any], protocol: str, code: int, message: str) -> None:
    with pytest.raises(CallFailed) as caught:
        end_of(seen, "22", protocol)
    assert (caught.value.failure.code, caught.value.failure.message) == (code, message)


def test_a_vm_without_a_guest() -> None:
    assert not_started({"metadata": {"name": "x"}, "status": {"created": True}}) is None
    failure = not_started({"metadata": {"name": "x"}})
    assert failure and failure.code == 409
    assert failure.message == 'Operation cannot be fulfilled on virtualmachine.kubevirt.io "x": VMI is not started'


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "whatever"), "connect: connection refused"),
        (OSError(errno.EHOSTUNREACH, ""), "connect: no route to host"),
        (TimeoutError(), "i/o timeout"),
    ],
)
def test_nobody_takes_the_call(error: OSError, why: str) -> None:
    failure = unanswered(End(protocol="tcp", host="10.1.2.3", port=22), error)
    assert failure.code == 500
    assert failure.message == f"Internal error occurred: dialing VM: dial tcp 10.1.2.3:22: {why}"
