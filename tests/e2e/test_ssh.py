"""`virtctl ssh` and `virtctl scp` with the OpenSSH client of this machine and a server in a guest."""

import subprocess
from pathlib import Path

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Result
from tests.e2e.harness.guests import vm
from tests.e2e.harness.waiting import until

SEED = """#!/bin/sh
mkdir -p /root/.ssh
echo '{key}' >/root/.ssh/authorized_keys
optional ssh
"""
DATA = b"\x00\xff\r\n" * 50_000


def test_a_command_and_copies_through_the_api_server(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    key, hosts = tmp_path / "key", tmp_path / "hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    user_data = SEED.format(key=Path(f"{key}.pub").read_text().strip())
    cluster.create(vm("door", namespace, user_data=user_data, grace=0))
    vms.running(cluster, namespace, "door")
    trust = ("-t", "-o StrictHostKeyChecking=accept-new", "--known-hosts", str(hosts), "-i", str(key))

    def ssh(target: str, command: str, *more: str) -> Result:
        return cluster.virtctl("ssh", target, "-c", command, *trust, *more)

    until("the guest's SSH server", lambda: ssh(f"root@vm/door/{namespace}", "true").code == 0, 60)
    done = ssh("vmi/door", "hostname; echo and >&2; exit 7", "--username=root", "-n", namespace)
    assert (done.code, done.out) == (7, "door\n") and done.err.endswith("and\n")
    known = subprocess.run(["ssh-keygen", "-F", f"vm.door.{namespace}", "-f", hosts], capture_output=True, timeout=30)
    assert known.returncode == 0, hosts.read_text()
    closed = ssh("root@vm/door", "true", "-n", namespace, "--port=2222")
    assert closed.code == 255 and "Websocket failed due to internal server error." in closed.err

    sent, came = tmp_path / "sent", tmp_path / "came"
    (sent / "within").mkdir(parents=True)
    (sent / "within" / "data").write_bytes(DATA)
    (sent / "within" / "data").chmod(0o741)
    copies = ((str(sent), f"root@vm/door/{namespace}:/tmp/there"), (f"root@vmi/door/{namespace}:/tmp/there", str(came)))
    for source, destination in copies:
        copied = cluster.virtctl("scp", "-r", "--preserve", source, destination, *trust)
        assert copied.code == 0, copied.err
    back = came / "within" / "data"
    assert back.read_bytes() == DATA and back.stat().st_mode & 0o777 == 0o741
    assert int(back.stat().st_mtime) == int((sent / "within" / "data").stat().st_mtime)
    missing = cluster.virtctl("scp", f"root@vm/door/{namespace}:/nowhere", str(tmp_path), *trust)
    assert missing.code == 1 and "No such file" in missing.err
