"""customizeComponents: each patch type on what we really render."""

from __future__ import annotations

import json
from typing import Any

import pytest

from virt_operator.plan import desired
from virt_operator.plan.identity import Ref, contains, hash_of
from virt_operator.plan.patches import PatchError, strategic
from virt_operator.plan.settings import Images, Patch, Settings, settings_of

Json = dict[str, Any]
API = Ref("Deployment", "kubevirt", "virt-api")


def with_patch(type_: str, change: Any, kind: str = "Deployment", name: str = "virt-api") -> Settings:
    return Settings(patches=(Patch(kind=kind, name=name, type=type_, patch=json.dumps(change)),))


def rendered(settings: Settings, ref: Ref = API) -> Json:
    return desired.objects(settings, b"ca")[ref]


def container(body: Json) -> Json:
    found: Json = body["spec"]["template"]["spec"]["containers"][0]
    return found


def test_json_merge_and_strategic_patches() -> None:
    ops = [{"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}]
    assert rendered(with_patch("json", ops))["spec"]["template"]["spec"]["hostNetwork"] is True
    assert rendered(with_patch("merge", {"spec": {"replicas": 9}}))["spec"]["replicas"] == 9
    change = {
        "spec": {"template": {"spec": {"containers": [{"name": "virt-api", "env": [{"name": "A", "value": "1"}]}]}}}
    }
    patched = container(rendered(with_patch("strategic", change)))
    assert {"name": "A", "value": "1"} in patched["env"]
    assert len(patched["env"]) == len(container(rendered(Settings()))["env"]) + 1
    assert patched["image"] == container(rendered(Settings()))["image"]


def test_a_patch_changes_only_its_object() -> None:
    plain, changed = desired.objects(Settings(), b"ca"), with_patch("merge", {"spec": {"replicas": 9}})
    hashes = {ref: hash_of(body) for ref, body in plain.items()}
    after = {ref: hash_of(body) for ref, body in desired.objects(changed, b"ca").items()}
    assert {ref for ref in hashes if hashes[ref] != after[ref]} == {API}


@pytest.mark.parametrize(
    ("type_", "change"),
    [
        ("json", [{"op": "remove", "path": "/spec/nowhere"}]),
        ("json", {"not": "a list"}),
        ("merge", {"kind": "Pod"}),
        ("merge", []),
        ("yaml", {}),
    ],
)
def test_a_patch_that_does_not_fit_is_named(type_: str, change: Any) -> None:
    with pytest.raises(PatchError, match="virt-api"):
        rendered(with_patch(type_, change))


def test_strategic_merge_directives() -> None:
    present = {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}], "list": [1, 2]}
    gone = strategic(present, {"volumes": [{"name": "a", "$patch": "delete"}]})
    assert [each["name"] for each in gone["volumes"]] == ["b"]
    replaced = strategic(present, {"volumes": [{"$patch": "replace"}, {"name": "c"}]})
    assert replaced["volumes"] == [{"name": "c"}]
    assert strategic(present, {"list": [3]})["list"] == [3]
    assert strategic(present, {"list": None}) == {"volumes": present["volumes"]}


def test_settings_follow_the_kubevirt_object() -> None:
    spec = {
        "imageTag": "v2",
        "imageRegistry": "example.org/x",
        "imagePullSecrets": [{"name": "s"}],
        "configuration": {"roleAggregationStrategy": "Manual"},
        "workloads": {"nodePlacement": {"tolerations": [{"operator": "Exists"}]}},
    }
    settings = settings_of({"spec": spec}, "kubevirt", Images())
    assert settings.images.ref("virt-api") == "example.org/x/virt-api:v2"
    objects = desired.objects(settings, b"ca")
    admin = objects[Ref("ClusterRole", "", "kubevirt.io:admin")]
    assert "rbac.authorization.k8s.io/aggregate-to-admin" not in admin["metadata"]["labels"]
    handler = objects[Ref("DaemonSet", "kubevirt", "virt-handler")]["spec"]["template"]["spec"]
    assert {"operator": "Exists"} in handler["tolerations"]
    assert handler["imagePullSecrets"] == [{"name": "s"}]


def test_flags_replace_ours_and_add_to_them() -> None:
    flags = {"api": {"Port": "9443", "quiet": "", "v": "5"}, "handler": {"max-devices": "7"}, "controller": {"v": "6"}}
    settings = settings_of({"spec": {"customizeComponents": {"flags": flags}}}, "kubevirt", Images())
    objects, plain = desired.objects(settings, b"ca"), desired.objects(Settings(), b"ca")
    api = container(objects[API])
    assert api["command"] == ["virt-api", "--port", "9443", "--quiet"]
    assert "--port" not in api["args"] and "--console-server-port" in api["args"]
    handler = container(objects[Ref("DaemonSet", "kubevirt", "virt-handler")])
    assert handler["command"] == ["virt-handler", "--max-devices", "7"]
    controller = Ref("Deployment", "kubevirt", "virt-controller")
    assert container(objects[controller]) == container(plain[controller]), "the verbosity is read live"


def test_the_product_stands_in_labels() -> None:
    spec = {"productName": "cloud", "productVersion": "4.2", "productComponent": "compute"}
    objects = desired.objects(settings_of({"spec": spec}, "kubevirt", Images()), b"ca")
    names = ("part-of", "version", "component")
    wanted = {f"app.kubernetes.io/{name}": said for name, said in zip(names, spec.values(), strict=True)}
    for body in objects.values():
        assert wanted.items() <= body["metadata"]["labels"].items()
    assert wanted.items() <= objects[API]["spec"]["template"]["metadata"]["labels"].items()
    assert objects[API]["spec"]["selector"] == {"matchLabels": {"kubevirt.io": "virt-api"}}
    odd = settings_of({"spec": {"productVersion": "4.2 beta!"}}, "kubevirt", Images())
    assert odd.product_labels == {"app.kubernetes.io/component": "kubevirt"}


@pytest.mark.parametrize(
    ("image", "prefix", "tag"),
    [
        ("localhost/podvirt/virt-operator:v0.1.0", "localhost/podvirt", "v0.1.0"),
        ("example.org:5000/a/b/virt-operator:x@sha256:123", "example.org:5000/a/b", "x"),
        ("example.org:5000/virt-operator", "example.org:5000", "latest"),
    ],
)
def test_images_lie_beside_the_operators_own(image: str, prefix: str, tag: str) -> None:
    assert Images.of(image) == Images(prefix=prefix, tag=tag)


def test_what_the_server_adds_is_no_difference() -> None:
    desired_body = {"spec": {"ports": [{"port": 1}], "empty": {}, "none": None}}
    actual = {"spec": {"ports": [{"port": 1, "protocol": "TCP"}], "added": 1}, "status": {}}
    assert contains(actual, desired_body)
    assert not contains({"spec": {"ports": [{"port": 2}]}}, desired_body)
    assert not contains({"spec": {"ports": [{"port": 1}, {"port": 2}]}}, desired_body)
