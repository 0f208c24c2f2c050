"""The cluster's configuration: silent means default, wrong means silent."""

from __future__ import annotations

from typing import Any

import pytest

from virt_model.config import DEFAULT, ClusterConfig, from_kubevirt
from virt_model.gates import GATES, Stage, enabled


def _configured(**configuration: Any) -> ClusterConfig:
    return from_kubevirt({"spec": {"configuration": configuration}})


@pytest.mark.parametrize("raw", [None, {}, {"spec": {}}, {"spec": None}, {"spec": {"configuration": {}}}])
def test_silence_is_default(raw: Any) -> None:
    assert from_kubevirt(raw) == DEFAULT


def test_what_is_said_counts() -> None:
    config = _configured(
        developerConfiguration={"useEmulation": True, "cpuAllocationRatio": 4, "nodeSelectors": {"a": "b"}},
        machineType="pc-q35-9.2",
        evictionStrategy="LiveMigrate",
        network={"defaultNetworkInterface": "masquerade"},
        architectureConfiguration={"arm64": {"machineType": "virt-9"}},
        smbios={"manufacturer": "Acme"},
        additionalGuestMemoryOverheadRatio="1.5",
        virtualMachineOptions={"disableSerialConsoleLog": {}},
        liveUpdateConfiguration={"maxHotplugRatio": 2, "maxGuest": "8Gi"},
    )
    assert config.use_emulation and config.cpu_allocation_ratio == 4
    assert config.node_selectors == {"a": "b"}
    assert (config.machine_type("amd64"), config.machine_type("arm64")) == ("pc-q35-9.2", "virt-9")
    assert (config.smbios.manufacturer, config.smbios.family) == ("Acme", "KubeVirt")
    assert config.serial_console_log_disabled and not config.free_page_reporting_disabled
    assert (config.live_update.max_hotplug_ratio, config.live_update.max_guest) == (2, "8Gi")
    assert config.eviction_strategy == "LiveMigrate"
    assert config.default_network_interface == "masquerade"
    assert config.overhead_ratio == "1.5"


def test_pull_secrets_stand_beside_the_configuration() -> None:
    assert from_kubevirt({"spec": {"imagePullSecrets": [{"name": "a"}, {}, "b"]}}).image_pull_secrets == ("a",)


def test_a_value_of_the_wrong_type_counts_as_absent() -> None:
    odd = _configured(
        developerConfiguration={"useEmulation": "yes", "cpuAllocationRatio": -1}, network="none", smbios=3
    )
    assert odd == DEFAULT


def test_gates() -> None:
    assert enabled("LiveMigration", (), ("LiveMigration",)), "GA cannot be switched off"
    assert enabled("ImageVolume", (), ()) and not enabled("ImageVolume", (), ("ImageVolume",))
    assert enabled("ImageVolume", ("ImageVolume",), ("ImageVolume",)), "on beats off"
    assert not enabled("HostDisk", (), ()) and enabled("HostDisk", ("HostDisk",), ())
    assert not enabled("Nobody", (), ()) and enabled("Nobody", ("Nobody",), ())
    assert {GATES["Sidecar"], GATES["NUMA"], GATES["Template"]} == {Stage.ALPHA, Stage.GA, Stage.BETA}
