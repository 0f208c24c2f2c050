"""Schema messages: as recorded, as go-openapi forms them, and never an exception."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.crd import KINDS
from api.lens import view
from api.schema_check import check, fill_required
from api.vmi import VirtualMachineInstance
from api.volume import ContainerDiskSource
from tests.unit.api.strategies import anything
from tests.unit.api.upstream import admissions, needs_upstream

CHECKED = ("VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration")
ENOUGH: dict[str, Any] = {"domain": {"devices": {}}}


def vmi(**spec: Any) -> dict[str, Any]:
    return {"spec": {**ENOUGH, **spec}}


@needs_upstream
def test_recorded_requests_get_the_recorded_messages() -> None:
    seen = 0
    for recorded in admissions():
        manifest, answer = recorded["manifest"], recorded["response"]
        if not isinstance(manifest, dict) or manifest.get("kind") not in CHECKED:
            continue
        causes = [cause["message"] for cause in answer.get("details", {}).get("causes", [])]
        wanted = [text for text in causes if " in body " in text and "reason" not in answer["details"]["causes"][0]]
        assert check(manifest["kind"], manifest) == wanted, recorded["case"]
        seen += len(wanted)
        if recorded["http_status"] == 201:
            view(fill_required(manifest["kind"], manifest), KINDS[manifest["kind"]].view)
    assert seen >= 7


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        ({}, ["spec in body is required", 'spec in body must be of type object: "null"']),
        ({"spec": None}, ['spec in body must be of type object: "null"']),
        ({"spec": []}, ['spec in body must be of type object: "array"']),
        ({"spec": {}}, ["spec.domain in body is required"]),
        (vmi(hostname=5), ['spec.hostname in body must be of type string: "integer"']),
        (
            vmi(terminationGracePeriodSeconds="5"),
            ['spec.terminationGracePeriodSeconds in body must be of type integer: "string"'],
        ),
        (
            vmi(terminationGracePeriodSeconds=1.5),
            ['spec.terminationGracePeriodSeconds in body must be of type int64: "float64"'],
        ),
        (
            vmi(terminationGracePeriodSeconds=True),
            ['spec.terminationGracePeriodSeconds in body must be of type int64: ""'],
        ),
        (vmi(terminationGracePeriodSeconds=5.0), []),
        (
            vmi(dnsPolicy="bogus"),
            ["spec.dnsPolicy in body should be one of [ClusterFirst ClusterFirstWithHostNet Default None]"],
        ),
        (vmi(nodeSelector={"a": 1}), ['spec.nodeSelector.a in body must be of type string: "integer"']),
        (vmi(volumes=[{"name": "e", "emptyDisk": {}}]), ["spec.volumes.emptyDisk.capacity in body is required"]),
        (
            vmi(volumes=[{"name": "e", "emptyDisk": {"capacity": True}}]),
            ['spec.volumes.emptyDisk.capacity in body must be of type string,integer,number: "boolean"'],
        ),
        (vmi(readinessProbe={"httpGet": {"port": "http"}}), []),
        (vmi(readinessProbe={"httpGet": {}}), ["spec.readinessProbe.httpGet.port in body is required"]),
        (vmi(volumes=[{"containerDisk": {}}]), []),
        (vmi(volumes={}), ['spec.volumes in body must be of type array: "object"']),
        (vmi(unknown={"x": [None]}), []),
    ],
)
def test_messages(raw: Any, messages: list[str]) -> None:
    assert check("VirtualMachineInstance", raw) == messages


def test_messages_come_in_order_of_field() -> None:
    assert check("VirtualMachineInstance", vmi(subdomain=1, hostname=1, architecture=1)) == [
        f'spec.{name} in body must be of type string: "integer"' for name in ("architecture", "hostname", "subdomain")
    ]


def test_a_template_may_carry_the_null_that_clients_write() -> None:
    template = {"metadata": {"creationTimestamp": None}, "spec": ENOUGH}
    assert check("VirtualMachine", {"spec": {"template": template}}) == []
    late = {"metadata": {"deletionTimestamp": "tomorrow"}, "spec": ENOUGH}
    assert check("VirtualMachine", {"spec": {"template": late}}) == [
        'spec.template.metadata.deletionTimestamp in body must be of type date-time: "tomorrow"'
    ]


def test_missing_required_scalars_become_zero_as_upstream_writes_them() -> None:
    raw = vmi(volumes=[{"name": "root", "containerDisk": {}, "strange": 1}], tolerations=None)
    filled = fill_required("VirtualMachineInstance", raw)
    assert filled["spec"]["volumes"] == [{"name": "root", "containerDisk": {"image": ""}, "strange": 1}]
    assert raw["spec"]["volumes"][0]["containerDisk"] == {}, "the request was changed in place"
    assert view(filled, VirtualMachineInstance).spec.volumes[0].container_disk == ContainerDiskSource(image="")


@settings(max_examples=100, deadline=None)
@given(anything, st.sampled_from(list(KINDS)))
def test_it_never_raises(raw: Any, kind: str) -> None:
    for candidate in (raw, {"spec": raw}, {"spec": {"domain": raw, "template": raw}}, vmi(volumes=raw, affinity=raw)):
        assert all(isinstance(message, str) for message in check(kind, candidate))
        fill_required(kind, candidate)


@settings(max_examples=100, deadline=None)
@given(anything, st.sampled_from(list(KINDS)))
def test_what_passes_the_check_can_be_read_once_filled(raw: Any, kind: str) -> None:
    candidate = {"spec": raw if isinstance(raw, dict) else {}}
    if not check(kind, candidate):
        view(fill_required(kind, candidate), KINDS[kind].view)
