"""The launcher pod, field by field beside the ones that the original made of the same VMIs."""

from __future__ import annotations

from typing import Any

import pytest

from api.quantity import quantity_bytes
from tests.unit.virt_controller.recorded import RECORDED, Json, launchers, needs_recordings
from virt_controller.plan import launcher_pod
from virt_model import labels
from virt_model.config import ClusterConfig

CONFIG = ClusterConfig(
    use_emulation=True, gates_on=frozenset({"HotplugVolumes", "DownwardMetrics", "Sidecar", "HostDisk"})
)
#: scenarios in which the VMI was changed after its pod was made, or that are about claims
_OTHER = ("04-", "04b-", "08-", "10-")
CASES = [
    pytest.param(vmi, pod, id=name)
    for name, vmi, pod in (launchers() if RECORDED.is_dir() else ())
    if not name.startswith(_OTHER)
]
#: added to every pod by the API server, or put on later
_LATER = {labels.NODE_NAME}
_OVERHEAD = labels.MEMORY_OVERHEAD

pytestmark = needs_recordings


def _ours(vmi: Json) -> Json:
    """The pod as rendered at the start of this VMI's life, before it had a node."""
    metadata = dict(vmi["metadata"])
    metadata["labels"] = {key: value for key, value in metadata.get("labels", {}).items() if key not in _LATER}
    return launcher_pod.render({**vmi, "metadata": metadata}, CONFIG, "launcher")


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_metadata(vmi: Json, pod: Json) -> None:
    ours, theirs = _ours(vmi)["metadata"], pod["metadata"]
    assert ours["generateName"] == theirs["generateName"]
    assert ours["name"].startswith(ours["generateName"][:50].rstrip("-"))
    assert ours["labels"] == {key: value for key, value in theirs["labels"].items() if key not in _LATER}
    assert ours["ownerReferences"] == theirs["ownerReferences"]
    assert {**ours["annotations"], _OVERHEAD: ""} == {**theirs["annotations"], _OVERHEAD: ""}


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_placement_and_pod_settings(vmi: Json, pod: Json) -> None:
    ours, theirs = _ours(vmi)["spec"], pod["spec"]
    same = (
        "affinity nodeSelector hostname subdomain readinessGates restartPolicy securityContext "
        "terminationGracePeriodSeconds enableServiceLinks automountServiceAccountToken "
        "dnsConfig topologySpreadConstraints"
    )
    for field in same.split():
        assert ours.get(field) == theirs.get(field), field
    for toleration in ours.get("tolerations", ()):
        assert toleration in theirs["tolerations"]


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_volumes(vmi: Json, pod: Json) -> None:
    theirs = [volume for volume in pod["spec"]["volumes"] if _ordered(volume["name"])]
    assert [_comparable(volume) for volume in _ours(vmi)["spec"]["volumes"]] == [_comparable(each) for each in theirs]


def _ordered(name: str) -> bool:
    """Whether a volume is of the controllers' making and of ours too: the API server adds the token's."""
    return name not in ("launcher-volume", "vm-state") and not name.startswith("kube-api-access-")


def _comparable(volume: Json) -> Json:
    """Without what the API server defaults."""
    source = {
        key: {name: value for name, value in body.items() if name not in ("defaultMode", "items")}
        for key, body in volume.items()
        if isinstance(body, dict)
    }
    items = [item["path"] for body in volume.values() if isinstance(body, dict) for item in body.get("items", ())]
    return {"name": volume["name"], "paths": items, **source}


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_compute_container(vmi: Json, pod: Json) -> None:
    ours, theirs = _ours(vmi)["spec"]["containers"][0], pod["spec"]["containers"][0]
    for field in ("name", "command", "securityContext", "terminationMessagePolicy", "imagePullPolicy", "ports"):
        assert ours.get(field) == theirs.get(field), field
    assert ours["volumeMounts"] == [each for each in theirs["volumeMounts"] if _ordered(each["name"])]
    assert [_env(each) for each in ours["env"]] == [_env(each) for each in theirs["env"]]
    for probe in ("livenessProbe", "readinessProbe"):
        assert _probe(ours.get(probe)) == _probe(theirs.get(probe))


def _env(entry: Json) -> Any:
    return entry["name"], entry.get("value"), (entry.get("valueFrom") or {}).get("fieldRef", {}).get("fieldPath")


def _probe(probe: Json | None) -> Any:
    """Without what the API server defaults."""
    if probe is None:
        return None
    get = {key: value for key, value in probe.get("httpGet", {}).items() if key not in ("scheme", "path")}
    return {**probe, "httpGet": get}


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_words_that_we_share_stand_in_the_arguments(vmi: Json, pod: Json) -> None:
    ours, theirs = _ours(vmi)["spec"]["containers"][0]["args"], pod["spec"]["containers"][0]["args"]
    for flag in ("--name", "--uid", "--namespace", "--grace-period-seconds"):
        assert ours[ours.index(flag) + 1] == theirs[theirs.index(flag) + 1]
    assert ("--allow-emulation" in ours) == ("--allow-emulation" in theirs)


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_resources_but_for_the_overhead(vmi: Json, pod: Json) -> None:
    made, theirs = _ours(vmi), pod["spec"]["containers"][0]["resources"]
    ours = made["spec"]["containers"][0]["resources"]
    for side in ("requests", "limits"):
        assert _but_memory(ours.get(side)) == _but_memory(theirs.get(side))
    own_overhead = int(made["metadata"]["annotations"][_OVERHEAD])
    overhead = int(pod["metadata"]["annotations"][_OVERHEAD])
    assert _memory(ours) - own_overhead == _memory(theirs) - overhead


def _but_memory(resources: Json | None) -> Json:
    return {key: value for key, value in (resources or {}).items() if key != "memory"}


def _memory(resources: Json) -> int:
    return quantity_bytes(resources["requests"]["memory"])


@pytest.mark.parametrize(("vmi", "pod"), CASES)
def test_console_log_container(vmi: Json, pod: Json) -> None:
    """Theirs is an init container that stays; ours is a second container with the same name, command and mount."""
    theirs = {each["name"]: each for each in pod["spec"].get("initContainers", ())}.get("guest-console-log")
    ours = {each["name"]: each for each in _ours(vmi)["spec"]["containers"]}.get("guest-console-log")
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        for field in ("command", "args", "securityContext"):
            assert ours[field] == theirs[field], field
        assert ours["volumeMounts"] == [each for each in theirs["volumeMounts"] if _ordered(each["name"])]
