"""The original's own virtctl, as it was released, against this cluster.

PODVIRT_STOCK_VIRTCTL is the path of the binary; nothing here downloads it. Commands that a release does not have
are left out.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object, Result
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import TINY, vm
from tests.e2e.harness.moments import OVER
from tests.e2e.harness.waiting import until

GIVEN = os.environ.get("PODVIRT_STOCK_VIRTCTL", "")
BINARY = shutil.which(GIVEN) if GIVEN else None
NO_VM = 'virtualmachine.kubevirt.io "{}" not found'
NO_VMI = 'virtualmachineinstance.kubevirt.io "{}" not found'
PORT = re.compile(r'"port": ?(\d+)')
FORWARDED = re.compile(r"forwarding tcp 127\.0\.0\.1:(\d+) to 80")
KEYED = "#!/bin/sh\nmkdir -p /root/.ssh\necho '{key}' >/root/.ssh/authorized_keys\noptional guest-agent\noptional ssh\n"
"""The server comes last: the libraries of a part replace those of another, which is without them for a moment."""

pytestmark = pytest.mark.skipif(
    BINARY is None, reason=f"PODVIRT_STOCK_VIRTCTL names no program ({GIVEN or 'it is not set'})"
)


@dataclass(frozen=True)
class Stock:
    """Stock virtctl in a namespace."""

    cluster: Cluster
    namespace: str

    @property
    def words(self) -> list[str]:
        return [str(BINARY), "--kubeconfig", self.cluster.kubeconfig, "-n", self.namespace]

    def __call__(self, *words: str, seconds: float = 60.0) -> Result:
        done = subprocess.run(
            [*self.words, *words], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def says(self, text: str, *words: str) -> None:
        """It succeeds, and prints that."""
        done = self(*words)
        assert done.code == 0 and text in done.out + done.err, (words, done)

    def refuses(self, text: str, *words: str) -> None:
        """It fails, and tells why."""
        done = self(*words)
        assert done.code == 1 and text in done.err, (words, done)

    @cached_property
    def commands(self) -> str:
        return self("--help").out

    def knows(self, command: str) -> bool:
        return re.search(rf"^  {command} ", self.commands, re.MULTILINE) is not None

    @contextlib.contextmanager
    def listening(self, pattern: re.Pattern[str], *words: str) -> Iterator[int]:
        """The port that a command which runs on says, while it runs."""
        process = subprocess.Popen([*self.words, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        said = ""

        def port() -> int | None:
            nonlocal said
            said += (process.stdout.read() or b"").decode() if process.stdout else ""
            found = pattern.search(said)
            if found is None and process.poll() is not None:
                raise AssertionError(f"{words} ended: {said}")
            return int(found[1]) if found else None

        try:
            yield until(f"{words} listens", port, 30)
        finally:
            process.kill()
            process.wait(10)


@pytest.fixture
def stock(cluster: Cluster, namespace: str) -> Stock:
    return Stock(cluster, namespace)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def alone(cluster: Cluster, namespace: str, name: str) -> Object:
    found = cluster.get("vmi", name, namespace)
    assert found is not None
    return found


def test_the_version_and_what_is_missing(stock: Stock) -> None:
    stock.says('GoVersion:"python3', "version")
    for command in ("start", "stop", "restart", "migrate"):
        stock.refuses(NO_VM.format("nosuch"), command, "nosuch")
    stock.refuses("Found no migration to cancel for nosuch", "migrate-cancel", "nosuch")
    for kind, text in (("vm", 'virtualmachines.kubevirt.io "nosuch" not found'), ("vmi", NO_VMI.format("nosuch"))):
        stock.refuses(text, "pause", kind, "nosuch")
        stock.refuses(text, "unpause", kind, "nosuch")
    for command in ("guestosinfo", "userlist", "fslist"):
        stock.refuses('nosuch\\" not found', command, "nosuch")
    for words in (
        ("soft-reboot", "nosuch"),
        ("reset", "nosuch"),
        ("console", "nosuch"),
        ("vnc", "nosuch", "--proxy-only"),
    ):
        if stock.knows(words[0]):
            stock.refuses("not found", *words)
    if stock.knows("evacuate-cancel"):
        stock.refuses(NO_VM.format("nosuch"), "evacuate-cancel", "vm", "nosuch")
        stock.refuses(NO_VMI.format("nosuch"), "evacuate-cancel", "vmi", "nosuch")
    stock.refuses(NO_VM.format("nosuch"), "expand", "--vm", "nosuch")
    stock.says("virt-handler=2", "adm", "log-verbosity", "--virt-handler")


def test_a_life(stock: Stock, cluster: Cluster, namespace: str) -> None:
    flags = ("--name=made", "--run-strategy=Manual", "--memory=128Mi", "--termination-grace-period=0")
    manifest = stock("create", "vm", *flags, f"--volume-containerdisk=src:{TINY}").out
    cluster.kubectl("-n", namespace, "create", "-f", "-", stdin=manifest)
    stock.refuses("VM is not running", "stop", "made")
    stock.refuses("VM is not running", "restart", "made")
    stock.refuses(NO_VMI.format("made"), "migrate", "made")
    stock.says("VM made was scheduled to start", "start", "made", "--dry-run")
    assert cluster.get("vmi", "made", namespace) is None
    stock.says("VM made was scheduled to start", "start", "made", "--paused")
    vms.shows(cluster, namespace, "made", "Paused")
    stock.refuses("VM is already running", "start", "made")
    stock.refuses("VMI is already paused", "pause", "vmi", "made")
    stock.says("VMI made was scheduled to unpause", "unpause", "vm", "made", "--dry-run")
    vms.shows(cluster, namespace, "made", "Paused")
    stock.says("VMI made was scheduled to unpause", "unpause", "vm", "made")
    vms.shows(cluster, namespace, "made", "Running")
    stock.refuses("VMI is not paused", "unpause", "vmi", "made")
    stock.says("VMI made was scheduled to soft-reboot", "soft-reboot", "made")
    if stock.knows("reset"):
        stock.says("VMI made was scheduled to reset", "reset", "made")
    stock.refuses("InterfaceNotLiveMigratable", "migrate", "made")  # bridge, as it is the default
    stock.refuses("Must both use --force=true and set --grace-period.", "stop", "made", "--force")
    first = vms.running(cluster, namespace, "made")["metadata"]["uid"]
    stock.says("VM made was scheduled to restart", "restart", "made")
    vms.replaced(cluster, namespace, "made", first)
    stock.says("VM made was scheduled to stop", "stop", "made", "--force", "--grace-period=0")
    vms.gone(cluster, namespace, "vmi", "made")
    vms.shows(cluster, namespace, "made", "Stopped")


def test_within_the_guest(stock: Stock, cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    key, copied, back, picture = (tmp_path / name for name in ("key", "copied", "back", "picture"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    data = base64.b64encode(KEYED.format(key=Path(f"{key}.pub").read_text().strip()).encode()).decode()
    flags = ("--name=door", "--memory=128Mi", "--termination-grace-period=0", f"--cloud-init-user-data={data}")
    manifest = stock("create", "vm", *flags, f"--volume-containerdisk=src:{TINY}").out
    cluster.kubectl("-n", namespace, "create", "-f", "-", stdin=manifest)
    vms.running(cluster, namespace, "door")
    with Console(cluster, namespace, "door", [str(BINARY)]) as console:
        console.login()
        assert console.run("hostname") == "door"

    trust = ("-t", "-oStrictHostKeyChecking=no", "-i", str(key), "--known-hosts", str(tmp_path / "hosts"))

    def let_in() -> bool:
        done = stock("ssh", "root@vmi/door", "-c", "true", *trust)
        if done.code:
            raise LookupError(done.err)
        return True

    until("the guest's SSH server", let_in, 180, every=1.0)
    assert stock("ssh", f"root@vm/door/{namespace}", "-c", "hostname", *trust).out == "door\n"
    closed = stock("ssh", "root@vmi/door", "-c", "true", "--port=2222", *trust)
    assert closed.code == 1 and "connection refused" in closed.err, closed
    copied.write_bytes(os.urandom(200_000))
    assert stock("scp", *trust, str(copied), "root@vm/door:/tmp/copied").code == 0
    assert stock("scp", *trust, "root@vmi/door:/tmp/copied", str(back)).code == 0
    assert back.read_bytes() == copied.read_bytes()

    with (
        stock.listening(PORT, "vnc", "door", "--proxy-only") as port,
        socket.create_connection(("127.0.0.1", port), 10) as viewer,
    ):
        assert viewer.recv(12) == b"RFB 003.008\n"
    stock.says("", "vnc", "screenshot", "door", "-f", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    with (
        stock.listening(FORWARDED, "port-forward", "vm/door", f"{free_port()}:80") as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer,
    ):
        assert answer.status == 200
    stock.says("Service web successfully created for vm door", "expose", "vm", "door", "--name=web", "--port=80")
    service = cluster.get("service", "web", namespace)
    assert service and service["spec"]["selector"] == {"vmi.kubevirt.io/id": "door"}
    stock.refuses("Not configured with USB Redirection", "usbredir", "--no-launch", "door")

    until("the agent", lambda: vms.is_true(alone(cluster, namespace, "door"), "AgentConnected"), 120)
    assert json.loads(stock("guestosinfo", "door").out)["os"]["id"] == "guest-tiny"
    for command in ("userlist", "fslist"):
        assert json.loads(stock(command, "door").out)["items"] == []


def test_a_move(stock: Stock, cluster: Cluster, namespace: str) -> None:
    made = vm("mover", namespace, grace=0)
    cluster.create(made)
    before = vms.running(cluster, namespace, "mover")

    def migrations() -> list[Object]:
        return cluster.list("vmim", namespace)

    stock.says("VM mover was scheduled to migrate", "migrate", "mover", "--dry-run")
    assert not migrations()
    nowhere = ("--addedNodeSelector", "kubernetes.io/hostname=nosuch")
    stock.says("VM mover was scheduled to migrate", "migrate", "mover", *nowhere)
    stock.refuses("in-flight migration detected", "migrate", "mover")
    stock.says("VM mover was scheduled to migrate-cancel", "migrate-cancel", "mover", "--dry-run")
    assert len(migrations()) == 1
    stock.says("VM mover was scheduled to migrate-cancel", "migrate-cancel", "mover")
    until("the migration is called off", lambda: not migrations())
    stock.refuses("Found no migration to cancel for mover", "migrate-cancel", "mover")
    stock.says("VM mover was scheduled to migrate", "migrate", "mover")
    over = until("it is over", lambda: [each for each in migrations() if each["status"].get("phase") in OVER], 180)
    assert [each["status"]["phase"] for each in over] == ["Succeeded"], over
    after = vms.running(cluster, namespace, "mover")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["nodeName"] != before["status"]["nodeName"]
    if stock.knows("evacuate-cancel"):
        stock.says(f"VMI {namespace}/mover was canceled evacuation", "evacuate-cancel", "vmi", "mover")


def test_what_a_person_without_many_rights_may(stock: Stock, cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("theirs", namespace, strategy="Halted"))
    editor, stranger = f"editor-{namespace}", f"stranger-{namespace}"
    cluster.kubectl("-n", namespace, "create", "rolebinding", "editor", "--clusterrole=edit", f"--user={editor}")
    stock.says('GoVersion:"python3', "version", "--as", stranger)
    stock.refuses(
        f'User "{stranger}" cannot update resource "virtualmachines/start"', "start", "theirs", "--as", stranger
    )
    stock.says("VM theirs was scheduled to start", "start", "theirs", "--as", editor)
    vms.running(cluster, namespace, "theirs")
    stock.refuses('cannot update resource "virtualmachines/migrate"', "migrate", "theirs", "--as", editor)
    if stock.knows("evacuate-cancel"):
        for kind in ("vm", "vmi"):
            stock.says("was canceled evacuation", "evacuate-cancel", kind, "theirs", "--as", editor)
