"""What a launcher is told: the cluster's options, its taps, and what others learned about QEMU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from virt_handler.adapters.launcher_settings import LauncherSettings, read_cache
from virt_handler.plan.network import PodLink, wire
from virt_ipc.client import LauncherClient
from virt_model.config import from_kubevirt

NAME = "a" * 64 + ".xml"
POD = {"spec": {"containers": [{"name": "compute", "image": "launcher:1"}]}}


def vmi(annotations: dict[str, str] | None = None, **devices: Any) -> dict[str, Any]:
    interfaces = [{"name": "default", "masquerade": {}}]
    domain = {"devices": {"interfaces": interfaces, **devices}}
    spec = {"networks": [{"name": "default", "pod": {}}], "domain": domain}
    return {"metadata": {"annotations": annotations or {}}, "spec": spec}


def settings(**configuration: Any) -> LauncherSettings:
    config = from_kubevirt({"spec": {"configuration": configuration}})
    return LauncherSettings(lambda: config, False, "launcher:1", {NAME: b"probed"})


def test_options_follow_the_cluster_and_the_vmi() -> None:
    plain = settings().sync_options(vmi(), (), None)
    assert (plain.allow_emulation, plain.kvm_usable, plain.log_serial, plain.free_page_reporting) == (
        False,
        False,
        True,
        True,
    )
    emulated = settings(developerConfiguration={"useEmulation": True}).sync_options(
        vmi(logSerialConsole=False), (), None
    )
    assert emulated.allow_emulation and not emulated.log_serial
    quiet = {"kubevirt.io/free-page-reporting-disabled": "true"}
    assert not settings().sync_options(vmi(quiet), (), None).free_page_reporting


@pytest.mark.parametrize(
    ("devices", "cluster_says_no", "logged"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"logSerialConsole": True}, True, True),
        ({"logSerialConsole": False}, False, False),
        ({"logSerialConsole": True, "autoattachSerialConsole": False}, False, False),
    ],
)
def test_the_serial_console_is_logged_as_the_vmi_says_else_the_cluster(
    devices: dict[str, bool], cluster_says_no: bool, logged: bool
) -> None:
    options = {"virtualMachineOptions": {"disableSerialConsoleLog": {}}} if cluster_says_no else {}
    assert settings(**options).sync_options(vmi(**devices), (), None).log_serial is logged


def test_the_serial_console_is_logged_where_somebody_reads_it() -> None:
    """The cluster's default has changed since the pod was made."""
    off = {"virtualMachineOptions": {"disableSerialConsoleLog": {}}}
    reading = {"spec": {"containers": [{"name": "compute"}, {"name": "guest-console-log"}]}}
    assert settings(**off).sync_options(vmi(), (), reading).log_serial
    assert not settings().sync_options(vmi(), (), POD).log_serial


def test_a_label_of_the_vmi_says_how_much_its_launcher_logs() -> None:
    config = settings(developerConfiguration={"logVerbosity": {"virtLauncher": 4}})
    for label, level in (("7", 7), ("0", 0), ("12", 4), ("much", 4), ("", 4)):
        labelled = vmi()
        labelled["metadata"]["labels"] = {"logVerbosity": label}
        assert config.sync_options(labelled, (), None).verbosity == level, label
    assert config.sync_options(vmi(), (), None).verbosity == 4


def test_each_wired_network_is_an_attachment() -> None:
    link = PodLink(name="eth0", mac="0a:58:0a:f4:01:07", mtu=1450, addresses=("10.244.1.7/24",))
    (attachment,) = settings().sync_options(vmi(), wire(vmi(), {"eth0": link}), None).interfaces
    assert (attachment.name, attachment.tap, attachment.mac, attachment.mtu) == ("default", "tap0", link.mac, 1450)


class Learned:
    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    async def capability_cache(self) -> dict[str, bytes]:
        return self._files


async def test_what_a_launcher_learned_is_for_its_own_image_only() -> None:
    known = settings()
    assert known.capability_cache(POD) == {NAME: b"probed"}
    other = {"spec": {"containers": [{"name": "compute", "image": "launcher:2"}]}}
    assert known.capability_cache(other) == known.capability_cache(None) == {}
    await known.learn(other, cast(LauncherClient, Learned({NAME: b"new"})))
    await known.learn(POD, cast(LauncherClient, Learned({})))
    assert known.capability_cache(other) == {NAME: b"new"} and known.capability_cache(POD) == {NAME: b"probed"}


def test_only_libvirts_files_are_read(tmp_path: Path) -> None:
    assert read_cache(tmp_path / "nothing") == {}
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / NAME).write_bytes(b"caps")
    (tmp_path / "other.xml").write_bytes(b"no")
    assert read_cache(tmp_path) == {NAME: b"caps"}
