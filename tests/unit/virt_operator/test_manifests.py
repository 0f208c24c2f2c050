"""The checked-in manifests are what the operator's own code prints, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api import crd
from virt_operator.plan import rbac_components, rbac_users
from virt_operator.plan.handler import daemonset
from virt_operator.plan.manifest import operator_manifest
from virt_operator.plan.settings import Images, Settings, settings_of
from virt_operator.render import render

ROOT = Path(__file__).parents[3]
#: kubectl apply keeps the whole object in an annotation, and annotations end at 256 KiB
ANNOTATION_LIMIT = 262144


def objects() -> list[dict[str, Any]]:
    return operator_manifest(Settings(), crd.render("KubeVirt"))


@pytest.mark.parametrize(("what", "file"), [("operator", "operator.yaml"), ("cr", "kubevirt-cr.yaml")])
def test_checked_in_manifests_are_up_to_date(what: str, file: str) -> None:
    assert render(what, Settings()) == (ROOT / "manifests" / file).read_text(), (
        f"run: python3 -m virt_operator render {what} > manifests/{file}"
    )


def test_image_prefix_and_tag_reach_the_manifest() -> None:
    text = render("operator", Settings(images=Images(prefix="example.org/vm", tag="v9")))
    assert "image: example.org/vm/virt-operator:v9" in text
    assert "localhost/podvirt" not in text


def test_agents_are_on_the_network_of_migrations_where_there_is_one() -> None:
    def annotations(configuration: dict[str, Any]) -> Any:
        kubevirt = {"metadata": {}, "spec": {"configuration": configuration}}
        template = daemonset(settings_of(kubevirt, "kubevirt", Images()))["spec"]["template"]
        return template["metadata"].get("annotations")

    said = annotations({"migrations": {"network": "default/fast"}})
    assert said == {"k8s.v1.cni.cncf.io/networks": "default/fast@migration0"}
    assert annotations({}) is annotations({"migrations": {"network": ""}}) is None


def test_every_object_fits_kubectl_apply() -> None:
    for each in objects():
        assert len(json.dumps(each)) < ANNOTATION_LIMIT, each["metadata"]["name"]


def test_the_operator_holds_every_rule_that_it_grants() -> None:
    held = {each["metadata"]["name"]: each for each in objects() if each["kind"] == "ClusterRole"}["kubevirt-operator"]
    granted = [*rbac_components.objects("kubevirt"), *rbac_users.objects(aggregate=True)]
    for role in (each for each in granted if each["kind"] == "ClusterRole"):
        for rule in role["rules"]:
            assert rule in held["rules"], role["metadata"]["name"]


def test_no_component_reads_secrets() -> None:
    for role in rbac_components.objects("kubevirt"):
        for rule in role.get("rules", ()):
            assert "secrets" not in rule["resources"], role["metadata"]["name"]
            assert "*" not in (*rule["resources"], *rule["verbs"], *rule["apiGroups"])
