"""A guest arrives from another node: a libvirtd of its own receives it, since libvirt's embedded driver cannot.

The daemon lives from `receive` to the take-over. It has Unix sockets in a private directory and no port, and its peer
comes through a gate (`adapters.gate`). It runs as the pod's user, and its QEMU is set up as the embedded driver's. It
is ended by SIGKILL, always: it holds nothing that is not on disk, and whatever else it does at its end would be done to
the guest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable

import libvirt

from virt_ipc.errors import LauncherRefused
from virt_ipc.migration import MigrationStage
from virt_launcher.adapters.embed_root import QEMU_CONF
from virt_launcher.adapters.gate import Gate
from virt_launcher.adapters.log import log, warn
from virt_launcher.adapters.monitor import Monitor
from virt_model.paths import RECEIVER_SOCKET

LIBVIRTD = "libvirtd"
SOCKET = "libvirt-sock"
ALL_HERE = (
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
    (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED),
)
"""libvirt's events when all of a guest has come: it stands, or was let run before."""
READY_SECONDS = 20.0
LOOK_SECONDS = 0.01
Tell = Callable[[MigrationStage, str], None]


class Receiver:
    """One libvirtd and the domain that comes to it. `tell` gets each stage, from libvirt's thread."""

    def __init__(self, directory: str, root: str, domain: str, qemu_events: str, tell: Tell) -> None:
        """`root` is the embedded driver's, whose cache and log are shared; `qemu_events` is the socket of QEMU's second
        monitor."""
        self._directory, self._root, self._name, self._tell = directory, root, domain, tell
        self._qemu_events = qemu_events
        self._daemon: subprocess.Popen[bytes] | None = None
        self._connection: libvirt.virConnect | None = None
        self._complete = self._could_run = self._committed = False
        self._gate: Gate | None = None
        self._monitor: Monitor | None = None

    @property
    def state_dir(self) -> str:
        """Where the daemon keeps what it knows of its running domain."""
        return f"{self._directory}/run/libvirt/qemu/run"

    @property
    def is_open(self) -> bool:
        """The daemon lives."""
        return self._daemon is not None and self._daemon.poll() is None

    def open(self) -> None:
        """Start the daemon; it answers when this returns. Raises LauncherRefused."""
        self._lay_out()
        self._daemon = subprocess.Popen(
            [LIBVIRTD, "--config", f"{self._directory}/libvirtd.conf", "--pid-file", f"{self._directory}/libvirtd.pid"],
            stdin=subprocess.DEVNULL,
            env=os.environ | self._homes(),
        )
        try:
            self._await_socket()
            self._connection = libvirt.open(f"qemu+unix:///session?socket={self._directory}/{SOCKET}")
            self._connection.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None
            )
            self._connection.registerCloseCallback(self._on_close, None)
            self._gate = Gate(
                f"{self._directory}/{RECEIVER_SOCKET}", f"{self._directory}/{SOCKET}", self._on_commitment
            )  # fmt: skip
        except (libvirt.libvirtError, OSError) as error:
            self.close()
            raise LauncherRefused(f"the receiving libvirtd: {error}") from error

    def resume(self) -> None:
        """Let the guest run. Raises LauncherRefused."""
        assert self._connection is not None
        try:
            domain = self._connection.lookupByName(self._name)
            if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()
        except libvirt.libvirtError as error:
            raise LauncherRefused(f"libvirt: {error.get_error_message()}") from error

    def run_ahead(self) -> None:
        """Let the guest run though not all of its memory has come. Raises LauncherRefused."""
        if self._monitor is None:
            raise LauncherRefused("QEMU has no monitor for that")
        self._monitor.let_run()

    def press(self) -> None:
        """The power button of a guest that was let run ahead. Raises LauncherRefused."""
        if self._monitor is not None:
            self._monitor.press()

    def destroy(self) -> None:
        """End what has arrived so far."""
        if self._connection is None:
            return
        with contextlib.suppress(libvirt.libvirtError):  # nothing has
            self._connection.lookupByName(self._name).destroy()

    def close(self) -> None:
        """End the daemon. A domain that it has goes on. May be repeated."""
        if self._gate is not None:
            self._gate.close()
            self._gate = None
        if self._monitor is not None:
            self._monitor.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(libvirt.libvirtError):
                connection.unregisterCloseCallback()
            with contextlib.suppress(libvirt.libvirtError):
                connection.close()
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def _lay_out(self) -> None:
        """The directories as an unprivileged libvirtd has them; cache and log are the embedded driver's."""
        for name in ("config/libvirt", "cache/libvirt/qemu/cache", "run/libvirt"):
            os.makedirs(f"{self._directory}/{name}", mode=0o700, exist_ok=True)
        for name, there in (("cache/capabilities", "cache/qemu/capabilities"), ("log", "log/qemu")):
            os.makedirs(f"{self._root}/{there}", exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.symlink(f"{self._root}/{there}", f"{self._directory}/cache/libvirt/qemu/{name}")
        with open(f"{self._directory}/config/libvirt/qemu.conf", "w") as file:
            file.write(QEMU_CONF)
        with open(f"{self._directory}/libvirtd.conf", "w") as file:
            file.write(
                f'unix_sock_dir = "{self._directory}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n'
                f'host_uuid = "{uuid.uuid4()}"\nlog_outputs = "4:stderr"\n'
            )

    def _homes(self) -> dict[str, str]:
        return {
            "HOME": self._directory,
            "LC_ALL": "C",
            "XDG_CONFIG_HOME": f"{self._directory}/config",
            "XDG_CACHE_HOME": f"{self._directory}/cache",
            "XDG_RUNTIME_DIR": f"{self._directory}/run",
        }

    def _await_socket(self) -> None:
        assert self._daemon is not None
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"{self._directory}/{SOCKET}"):
            code = self._daemon.poll()
            if code is not None:
                raise OSError(f"it ended at once with code {code}")
            if time.monotonic() > deadline:
                raise OSError(f"it does not answer after {READY_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)

    def _on_close(self, _conn: object, reason: int, _opaque: object) -> None:
        """The daemon died. A guest that is complete stands all the same, and its state is on disk; another is ended."""
        warn(f"the receiving libvirtd has ended, reason {reason}")
        if not self._complete:
            self.end_qemu()
            self._tell(MigrationStage.FAILED, "the libvirtd that received the guest has ended")

    def _on_lifecycle(self, _conn: object, domain: libvirt.virDomain, event: int, detail: int, _opaque: object) -> None:
        log("an arriving guest", event=event, detail=detail)
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            self._tell(MigrationStage.ARRIVING, "")
            self._watch()
        elif (event, detail) in ALL_HERE:
            self._complete = True
            self._tell(MigrationStage.RECEIVED, "")
        elif event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            warn(f"the guest that was arriving has ended, detail {detail}")
            self._tell(MigrationStage.FAILED, "the guest that was arriving has ended")

    def _watch(self) -> None:
        """Without a monitor the guest is never said to be switched here: it is let run when all of it has come."""
        try:
            self._monitor = Monitor(self._qemu_events, self._on_migration)
        except OSError as error:
            warn(f"QEMU itself cannot be heard: {error}")

    def _on_migration(self, status: str) -> None:
        if status == "postcopy-active":
            self._could_run = True
            self._switched()

    def _on_commitment(self) -> None:
        self._committed = True
        self._switched()

    def _switched(self) -> None:
        """QEMU here could run the guest, and libvirt at the source has no way back: it takes two."""
        if self._could_run and self._committed:
            self._tell(MigrationStage.SWITCHED, "")

    def end_qemu(self) -> None:
        """Without libvirt, which else sees to it that a part of a guest does not stay."""
        with contextlib.suppress(OSError, ValueError), open(f"{self.state_dir}/{self._name}.pid") as file:
            os.kill(int(file.read()), signal.SIGKILL)


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
