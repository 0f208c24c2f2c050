"""A guest arrives from another node: a libvirtd of its own receives it, since libvirt's embedded driver cannot.

The daemon lives from `receive` to the take-over. It has one Unix socket in a private directory and no port, runs as the
pod's user, and its QEMU is set up as the embedded driver's. It is ended by SIGKILL, always: it holds nothing that
is not on disk, and whatever else it does at its end would be done to the guest.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable

import libvirt

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import MigrationStage
from virt_launcher.adapters.embed_root import QEMU_CONF
from virt_launcher.adapters.log import log, warn

LIBVIRTD = "libvirtd"
SOCKET = "libvirt-sock"
READY_SECONDS = 20.0
LOOK_SECONDS = 0.01
Tell = Callable[[MigrationStage, str], None]


class Receiver:
    """One libvirtd and the domain that comes to it. `tell` gets each stage, from libvirt's thread."""

    def __init__(self, directory: str, root: str, domain: str, tell: Tell) -> None:
        """`root` is the embedded driver's, whose cache and log are shared."""
        self._directory, self._root, self._name, self._tell = directory, root, domain, tell
        self._daemon: subprocess.Popen[bytes] | None = None
        self._connection: libvirt.virConnect | None = None
        self._complete = False

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

    def destroy(self) -> None:
        """End what has arrived so far."""
        if self._connection is None:
            return
        with contextlib.suppress(libvirt.libvirtError):  # nothing has
            self._connection.lookupByName(self._name).destroy()

    def close(self) -> None:
        """End the daemon. A domain that it has goes on. May be repeated."""
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
        """The daemon died. A guest that is complete stands all the same, and its state is on disk."""
        warn(f"the receiving libvirtd has ended, reason {reason}")
        if not self._complete:
            self._tell(MigrationStage.FAILED, "the libvirtd that received the guest has ended")

    def _on_lifecycle(self, _conn: object, domain: libvirt.virDomain, event: int, detail: int, _opaque: object) -> None:
        log("an arriving guest", event=event, detail=detail)
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            self._tell(MigrationStage.ARRIVING, "")
        elif event == libvirt.VIR_DOMAIN_EVENT_SUSPENDED and detail == libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
            self._complete = True
            self._tell(MigrationStage.RECEIVED, "")
        elif event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            warn(f"the guest that was arriving has ended, detail {detail}")
            self._tell(MigrationStage.FAILED, "the guest that was arriving has ended")


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
