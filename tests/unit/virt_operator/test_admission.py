"""Rules for KubeVirt objects, and how the webhook says no."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.fakes.kube import fake_kube
from virt_operator.adapters.webhooks import Webhooks
from virt_operator.plan.admission import BLOCK, UNSUPPORTED, on_create, on_delete, on_update, spec_causes

Json = dict[str, Any]


def kubevirt(**spec: Any) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "k", "namespace": "n"},
        "spec": spec,
    }


def annotated(**said: str) -> Json:
    made = kubevirt()
    annotations = {f"podvirt.io/{key.replace('_', '-')}": value for key, value in said.items()}
    return {**made, "metadata": {**made["metadata"], "annotations": annotations}}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"self_fencing": "yes"}, 'must be "true" or "false", not "yes"'),
        ({"self_fencing_lease_seconds": "9"}, "must be whole seconds from 10 to 600"),
        ({"self_fencing_lease_seconds": "1m"}, "must be whole seconds from 10 to 600"),
        ({"self_fencing": "true", "self_fencing_lease_seconds": "60"}, ""),
    ],
)
def test_what_is_said_of_self_fencing_is_understood_or_refused(said: dict[str, str], words: str) -> None:
    causes = on_create(annotated(**said), []).causes
    assert [cause.message for cause in causes] == ([words] if words else [])
    assert causes == on_update(annotated(**said), kubevirt()).causes


def selfsigned(**fields: Any) -> Json:
    return kubevirt(certificateRotateStrategy={"selfSigned": fields})


@pytest.mark.parametrize(
    ("obj", "field", "words"),
    [
        (kubevirt(infra={"replicas": 0}), "spec.infra.replicas", "can't be 0"),
        (kubevirt(workloads={"replicas": 2}), "spec.workloads.replicas", "every node"),
        (
            selfsigned(ca={"duration": "10h"}, caRotateInterval="5h"),
            "spec.certificateRotateStrategy.selfSigned.caRotateInterval",
            "conflicts",
        ),
        (selfsigned(ca={"duration": "ten"}), "spec.certificateRotateStrategy.selfSigned", "ten"),
        (
            selfsigned(server={"duration": "1h", "renewBefore": "1h"}),
            "spec.certificateRotateStrategy.selfSigned.server.renewBefore",
            "less than",
        ),
        (
            selfsigned(ca={"duration": "1h"}, server={"duration": "2h"}),
            "spec.certificateRotateStrategy.selfSigned.server.duration",
            "longer than the CA",
        ),
        (
            kubevirt(configuration={"additionalGuestMemoryOverheadRatio": "much"}),
            "spec.configuration.additionalGuestMemoryOverheadRatio",
            "ratio provided, much, cannot be parsed into float",
        ),
        (
            kubevirt(configuration={"additionalGuestMemoryOverheadRatio": "0.9"}),
            "spec.configuration.additionalGuestMemoryOverheadRatio",
            "ratio provided, 0.9, cannot be smaller than 1.0",
        ),
        (
            kubevirt(configuration={"migrations": {"parallelOutboundMigrationsPerNode": -1}}),
            "spec.configuration.migrations.parallelOutboundMigrationsPerNode",
            "greater than or equal to 0, got -1",
        ),
        (
            kubevirt(configuration={"migrations": {"network": "fast,slow"}}),
            "spec.configuration.migrations.network",
            "the name of a NetworkAttachmentDefinition, [<namespace>/]<name>, not 'fast,slow'",
        ),
        (
            kubevirt(configuration={"tlsConfiguration": {"ciphers": ["x"]}}),
            "spec.configuration.tlsConfiguration.ciphers",
            "minTLSVersion",
        ),
        (
            kubevirt(customizeComponents={"flags": {"api": {"v": "loud"}}}),
            "spec.customizeComponents.flags.api.v",
            "a number from 0 to 9, not 'loud'",
        ),
        (
            kubevirt(
                customizeComponents={
                    "patches": [
                        {"resourceType": "Deployment", "resourceName": "virt-api", "type": "json", "patch": "[{}]"}
                    ]
                }
            ),
            "spec.customizeComponents.patches",
            "Deployment virt-api",
        ),
        (
            kubevirt(
                customizeComponents={
                    "patches": [{"resourceType": "Deployment", "resourceName": "x", "type": "merge", "patch": "{}"}]
                }
            ),
            "spec.customizeComponents.patches[0].resourceName",
            "there is no Deployment x",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_field(obj: Json, field: str, words: str) -> None:
    causes = {cause.field: cause.message for cause in spec_causes(obj)}
    assert words in causes[field]


@pytest.mark.parametrize("path", UNSUPPORTED)
def test_fields_without_effect_are_refused(path: tuple[str, ...]) -> None:
    value: Any = {"some": "value"}
    for step in reversed(path):
        value = {step: value}
    assert f"spec.{'.'.join(path)}" in {cause.field for cause in spec_causes(kubevirt(**value))}


def test_the_usual_object_is_fine() -> None:
    usual = kubevirt(
        certificateRotateStrategy={},
        configuration={"developerConfiguration": {"featureGates": []}},
        customizeComponents={},
        imagePullPolicy="IfNotPresent",
        workloadUpdateStrategy={},
    )
    assert spec_causes(usual) == []


def test_one_kubevirt_a_cluster() -> None:
    assert on_create(kubevirt(), []).allowed
    assert on_create(kubevirt(), [kubevirt()]).refusal == "Kubevirt is already created"
    leaving = {"metadata": {"name": "k", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert on_create(kubevirt(), [leaving]).allowed
    assert on_update({**leaving, "spec": {"infra": {"replicas": 0}}}, leaving).allowed


def gated(*names: str, off: tuple[str, ...] = ()) -> Json:
    return kubevirt(
        configuration={"developerConfiguration": {"featureGates": [*names], "disabledFeatureGates": [*off]}}
    )


def test_gates_that_need_not_be_named_or_are_unknown_are_told() -> None:
    ga, deprecated, unknown = on_create(gated("LiveMigration", "Root", "HotplugVolumes", "Rot"), []).warnings
    assert ga.startswith(
        'feature gate LiveMigration is deprecated (feature state is "General Availability"), therefore'
    )
    assert deprecated.startswith('feature gate HotplugVolumes is deprecated (feature state is "Deprecated"), therefore')
    assert unknown == "feature gate Rot is unknown: it has no effect"
    assert on_create(gated(off=("Snapshto",)), []).warnings == ("feature gate Snapshto is unknown: it has no effect",)


def test_gates_are_told_of_when_they_change() -> None:
    assert on_update(gated("Rot"), gated()).warnings
    assert not on_update(gated("Rot"), gated("Rot")).warnings
    assert not on_update(gated(), gated("Rot")).warnings


def test_a_product_that_fits_no_label_is_told() -> None:
    odd = kubevirt(productName="cloud", productVersion="4.2 beta!")
    assert on_create(odd, []).warnings == (
        "spec.productVersion has no effect: 4.2 beta! cannot be the value of a label",
    )
    assert not on_update(odd, odd).warnings


def test_removal_is_refused_while_there_are_guests_if_so_wished() -> None:
    careful = kubevirt(uninstallStrategy=BLOCK)
    assert on_delete(careful, {"virtualmachines": 0}).allowed
    assert on_delete(kubevirt(), {"virtualmachines": 3}).allowed
    for plural, words in (
        ("virtualmachines", "Virtual Machines"),
        ("virtualmachineinstances", "Virtual Machine Instances"),
        ("virtualmachineinstancereplicasets", "Virtual Machine Instance Replica Sets"),
    ):
        refusal = on_delete(careful, {plural: 1}).refusal
        assert refusal.startswith(f"Rejecting the uninstall request, since there are still {words} present. ")


async def test_the_webhooks_speak_admission_review() -> None:
    async with fake_kube() as (fake, kube):
        app = web.Application()
        Webhooks(kube).add_to(app)
        async with TestClient(TestServer(app)) as client:

            async def ask(name: str, **request: Any) -> Json:
                review = {
                    "apiVersion": "admission.k8s.io/v1",
                    "kind": "AdmissionReview",
                    "request": {"uid": "u"} | request,
                }
                answer = await client.post(f"/kubevirt-validate-{name}", json=review)
                body: Json = await answer.json()
                assert body["kind"] == "AdmissionReview"
                response: Json = body["response"]
                assert response["uid"] == "u"
                return response

            assert (await ask("create", object=kubevirt()))["allowed"]
            wrong = await ask("update", object=kubevirt(infra={"replicas": 0}))
            assert wrong["status"]["code"] == 422
            assert wrong["status"]["details"]["causes"][0]["field"] == "spec.infra.replicas"
            told = await ask("update", object=gated("Rot"), oldObject=gated())
            assert told["allowed"] and told["warnings"] == ["feature gate Rot is unknown: it has no effect"]
            moved = kubevirt(infra={"nodePlacement": {"nodeSelector": {"a": "b"}}})
            assert (await ask("update", object=moved, oldObject=kubevirt()))["allowed"]
            fake.deny("/deployments", 422, "nodeSelector is wrong")
            refused = await ask("update", object=moved, oldObject=kubevirt())
            assert refused["status"]["details"]["causes"] == [
                {"reason": "FieldValueInvalid", "field": "spec.infra.nodePlacement", "message": "nodeSelector is wrong"}
            ]
            assert (await ask("update", object=moved, oldObject=moved))["allowed"], "what was there before is not tried"
            assert (await ask("delete", oldObject=kubevirt(uninstallStrategy=BLOCK)))["allowed"]
            fake.put("/apis/kubevirt.io/v1/namespaces/d/virtualmachineinstances", {"metadata": {"name": "v"}})
            refused = await ask("delete", oldObject=kubevirt(uninstallStrategy=BLOCK))
            assert refused["status"]["code"] == 400
            fake.put("/apis/kubevirt.io/v1/namespaces/n/kubevirts", kubevirt())
            assert not (await ask("create", object=kubevirt()))["allowed"]
