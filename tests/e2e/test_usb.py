"""A USB device of a client: its bytes reach QEMU, and each device has a place of its own."""

import contextlib
import http.client
import struct
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vmi
from tests.e2e.harness.rest import UPGRADE, access, call, one

HELLO = struct.Struct("<III64sI")  # type, length of what follows, id; version, first word of what it is capable of
LISTENER = """#!{python}
import pathlib, socket, sys
host, port = sys.argv[4].rsplit(":", 1)
with socket.create_connection((host, int(port)), 30) as local:
    pathlib.Path("{heard}").write_bytes(local.recv({size}, socket.MSG_WAITALL))
"""


def test_devices_have_places(cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = vmi("port", namespace, grace=0)
    made["spec"]["domain"]["devices"]["clientPassthrough"] = {}
    cluster.create(made)
    vms.running(cluster, namespace, "port")

    program, heard = tmp_path / "usbredirect", tmp_path / "heard"
    program.write_text(LISTENER.format(python=sys.executable, heard=heard, size=HELLO.size))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    done = cluster.virtctl("usbredir", "0951:1666", "port", "-n", namespace)
    assert done.code == 0, done.err
    kind, length, _, version, _ = HELLO.unpack(heard.read_bytes())
    assert (kind, length) == (0, HELLO.size - 12) and version.startswith(b"qemu usb-redir guest")

    path = f"{one(namespace, 'vmi', 'port')}/usbredir"
    server, context = access(cluster)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(contextlib.closing(http.client.HTTPSConnection(server, context=context)))
            client.request("GET", path, headers=UPGRADE)
            assert client.getresponse().status == 101
        fifth = call(cluster, "GET", path, upgrade=True)
        assert fifth.status == 500
        assert fifth.message.endswith("Can't connect to websocket (503): websocket: bad handshake")
