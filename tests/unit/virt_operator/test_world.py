"""The whole life of an installation on the fake API: install, settle, change, update, remove."""

from __future__ import annotations

import asyncio

import pytest

from api.crd import KINDS
from tests.fakes.kube import fake_kube
from tests.fakes.waiting import until
from tests.unit.virt_operator.world import KEY, KUBEVIRTS, World, kubevirt, operating, world
from virt_runtime.resources import DEPLOYMENTS, POD_DISRUPTION_BUDGETS, Json
from virt_runtime.resources import KUBEVIRTS as KUBEVIRT_RESOURCE

COMPONENT_SECRETS = {
    "kubevirt-virt-api-certs",
    "kubevirt-controller-certs",
    "kubevirt-virt-handler-certs",
    "podvirt-controller-client-certs",
}
APPS = "/apis/apps/v1/namespaces/kubevirt/deployments"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
TTY_PATCH = '{"spec":{"template":{"spec":{"containers":[{"name":"virt-controller","tty":true}]}}}}'
REPLICASETS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancereplicasets"
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"


async def installed(here: World) -> None:
    if KEY not in here.fake.objects:
        here.fake.put(KUBEVIRTS, kubevirt())
    await until(lambda: here.all("daemonsets") and here.all("customresourcedefinitions"))

    def ready() -> bool:
        here.bring_up()
        return here.condition("Available") == "True"

    await until(ready)


async def quiet(here: World) -> None:
    """Nothing is asked of the API for a while that is long for the loop."""
    seen = -1
    while seen != len(here.fake.requests):
        seen = len(here.fake.requests)
        await asyncio.sleep(0.15)


async def test_without_a_kubevirt_only_the_operators_own_certificate_exists() -> None:
    async with world() as here:
        await until(lambda: "kubevirt-operator-certs" in here.all("secrets"))
        await quiet(here)
        assert set(here.all("secrets")) == {"kubevirt-ca", "kubevirt-operator-certs"}
        assert not here.all("deployments")


async def test_everything_is_installed_and_reported() -> None:
    async with world() as here:
        await installed(here)
        assert set(here.all("deployments")) == {"virt-api", "virt-controller"}
        assert set(here.all("daemonsets")) == {"virt-handler"}
        assert set(here.all("secrets")) >= COMPONENT_SECRETS
        installed_kinds = {f"{row.plural}.{row.group.name}" for row in KINDS.values()}
        assert set(here.all("customresourcedefinitions")) == installed_kinds - {"kubevirts.kubevirt.io"}
        assert "BEGIN CERTIFICATE" in here.all("configmaps")["kubevirt-ca"]["data"]["ca-bundle"]
        status = here.status()
        assert status["phase"] == "Deployed"
        assert here.condition("Created") == "True"
        assert (here.condition("Progressing"), here.condition("Degraded")) == ("False", "False")
        for side in ("target", "observed"):
            assert status[f"{side}KubeVirtVersion"] == "v0.1.0"
            assert status[f"{side}KubeVirtRegistry"] == "localhost/podvirt"
            assert status[f"{side}DeploymentID"]
        assert status["observedGeneration"] == 1
        assert {entry["resource"] for entry in status["generations"]} >= {"deployments", "daemonsets"}


async def test_a_settled_installation_writes_nothing() -> None:
    async with world() as here:
        await installed(here)
        await quiet(here)
        before = len(here.fake.writes())
        here.fake.close_watches()
        here.fake.compact()
        await quiet(here)
        assert here.fake.writes()[before:] == []


async def test_each_object_is_written_once() -> None:
    async with world() as here:
        await installed(here)
        applied = [path for method, path in here.fake.writes() if method == "PATCH" and "/kubevirts/" not in path]
        assert sorted(applied) == sorted(set(applied))


async def test_a_successor_finds_nothing_to_do() -> None:
    async with fake_kube() as (fake, kube):
        here = World(fake, kube)
        async with operating(kube):
            await installed(here)
            await quiet(here)
        before = len(fake.writes())
        async with operating(kube):
            await until(lambda: fake.lists > 0)
            await quiet(here)
        assert fake.writes()[before:] == []


async def test_what_others_change_is_put_right() -> None:
    async with world() as here:
        await installed(here)
        await here.kube.merge_patch(DEPLOYMENTS, "kubevirt", "virt-api", {"spec": {"replicas": 7}})
        await until(lambda: here.all("deployments")["virt-api"]["spec"]["replicas"] == 2)


def _deployment(here: World, name: str) -> Json:
    return here.all("deployments")[name]


async def test_a_component_without_pods_is_told_at_once() -> None:
    async with world() as here:
        await installed(here)
        api = _deployment(here, "virt-api")
        here.fake.put(APPS, {**api, "status": {**api["status"], "availableReplicas": 1}})
        await until(lambda: here.condition("Degraded") == "True")
        assert here.condition("Available") == "True" and "1 of 2 pods" in here.message("Degraded")
        here.fake.put(APPS, {**api, "status": {**api["status"], "availableReplicas": 0}})
        await until(lambda: here.condition("Available") == "False")
        assert here.message("Available") == "Deployment kubevirt/virt-api has no pod that is ready"
        here.bring_up()
        await until(lambda: here.condition("Available") == "True" and here.condition("Degraded") == "False")


async def test_a_deleted_component_is_told_and_comes_back() -> None:
    async with world() as here:
        await installed(here)
        await here.kube.delete(DEPLOYMENTS, "kubevirt", "virt-api")
        await until(lambda: here.condition("Available") == "False" and here.condition("Degraded") == "True")
        await until(lambda: "virt-api" in here.all("deployments"))
        assert here.status()["phase"] == "Deployed"
        here.bring_up()
        await until(lambda: here.condition("Available") == "True" and here.condition("Degraded") == "False")


async def test_a_deleted_budget_is_no_outage() -> None:
    async with world() as here:
        await installed(here)
        seen: set[str] = set()
        await here.kube.delete(POD_DISRUPTION_BUDGETS, "kubevirt", "virt-api-pdb")
        await until(lambda: seen.add(here.condition("Available")) or "virt-api-pdb" in here.all("poddisruptionbudgets"))
        await quiet(here)
        await until(lambda: here.condition("Degraded") == "False")
        assert seen == {"True"}


async def test_new_settings_have_arrived_when_all_pods_have_them() -> None:
    async with world() as here:
        await installed(here)
        before = here.status()["observedDeploymentID"]
        here.fake.put(KUBEVIRTS, {**here.fake.objects[KEY], "spec": {"infra": {"replicas": 3}}})
        await until(lambda: _deployment(here, "virt-controller")["spec"]["replicas"] == 3)
        await quiet(here)
        assert here.condition("Progressing") == "True" and here.status()["observedDeploymentID"] == before

        def arrived() -> bool:
            here.bring_up()
            return here.condition("Progressing") == "False"

        await until(arrived)
        assert here.status()["observedDeploymentID"] == here.status()["targetDeploymentID"] != before


async def test_settings_reach_the_workloads() -> None:
    async with world() as here:
        await installed(here)
        spec = {
            "infra": {"replicas": 3, "nodePlacement": {"nodeSelector": {"disk": "fast"}}},
            "imagePullPolicy": "Always",
            "customizeComponents": {
                "patches": [
                    {
                        "resourceType": "Deployment",
                        "resourceName": "virt-controller",
                        "type": "strategic",
                        "patch": TTY_PATCH,
                    }
                ]
            },
        }
        here.fake.put(KUBEVIRTS, {**here.fake.objects[KEY], "spec": spec})

        def caught_up() -> bool:
            here.bring_up()
            return bool(here.all("deployments")["virt-api"]["spec"]["replicas"] == 3)

        await until(caught_up)
        pod = here.all("deployments")["virt-controller"]["spec"]["template"]["spec"]
        assert pod["containers"][0]["imagePullPolicy"] == "Always"
        assert pod["containers"][0]["tty"]
        assert pod["containers"][0]["args"]
        assert pod["nodeSelector"]["disk"] == "fast"


async def test_configuration_restarts_nothing() -> None:
    async with world() as here:
        await installed(here)
        await quiet(here)
        before = len(here.fake.writes())
        spec = {"configuration": {"developerConfiguration": {"useEmulation": True}}}
        here.fake.put(KUBEVIRTS, {**here.fake.objects[KEY], "spec": spec})
        await until(lambda: len(here.fake.requests) > 0)
        await quiet(here)
        assert [path for _, path in here.fake.writes()[before:] if "/kubevirts/" not in path] == []


async def test_an_update_goes_handler_first_and_api_last() -> None:
    async with fake_kube() as (fake, kube):
        here = World(fake, kube)
        async with operating(kube):
            await installed(here)
        before = len(fake.writes())
        async with operating(kube, "v0.2.0"):
            await until(lambda: _image(here, "daemonsets", "virt-handler").endswith(":v0.2.0"))
            await until(lambda: here.condition("Progressing") == "True")
            assert here.condition("Available") == "True"
            assert here.status()["phase"] == "Deployed"
            assert _image(here, "deployments", "virt-api").endswith(":v0.1.0")

            def done() -> bool:
                here.bring_up()
                return here.status().get("observedKubeVirtVersion") == "v0.2.0"

            await until(done)
        order = [path.rsplit("/", 1)[1] for _, path in fake.writes()[before:] if "/apps/" in path]
        assert order == ["virt-handler", "virt-controller", "virt-api"]


async def test_a_refused_object_is_reported() -> None:
    async with world() as here:
        here.fake.deny("deployments/virt-api", 422, "spec is odd")
        here.fake.put(KUBEVIRTS, kubevirt())
        await until(lambda: here.condition("Synchronized") == "False")
        text = next(each["message"] for each in here.status()["conditions"] if each["type"] == "Degraded")
        assert "Deployment kubevirt/virt-api" in text
        assert "spec is odd" in text


async def test_a_second_kubevirt_is_flagged_and_changes_nothing() -> None:
    async with world() as here:
        await installed(here)
        await quiet(here)
        before = len(here.fake.writes())
        second = {
            **kubevirt(imageTag="other"),
            "metadata": {"name": "second", "creationTimestamp": "2027-01-01T00:00:00Z"},
        }
        here.fake.put(KUBEVIRTS, second)
        await until(lambda: len(here.fake.writes()) > before)
        await quiet(here)
        assert [path.rsplit("/", 2)[1:] for _, path in here.fake.writes()[before:]] == [["second", "status"]]


async def test_removal_waits_for_guests_then_takes_all_away() -> None:
    async with world() as here:
        await installed(here)
        here.fake.put(VMS, {"metadata": {"name": "vm", "finalizers": ["kubevirt.io/virtualMachineControllerFinalize"]}})
        request = {"metadata": {"name": "virt-handler-node1"}, "spec": {"signerName": "kubevirt.io/virt-handler"}}
        here.fake.put(REPLICASETS, {"metadata": {"name": "many"}})
        here.fake.put(CSRS, {**request, "status": {"certificate": "x"}})
        await here.kube.delete(KUBEVIRT_RESOURCE, "kubevirt", "kubevirt")
        vm = ("apis/kubevirt.io/v1/virtualmachines", "default", "vm")
        await until(lambda: here.fake.objects[vm]["metadata"].get("deletionTimestamp"))
        await until(lambda: not here.all("virtualmachineinstancereplicasets"))
        await quiet(here)
        assert here.status()["phase"] == "Deleting"
        assert set(here.all("deployments")) == {"virt-api", "virt-controller"}
        here.fake.remove(f"{VMS}/vm")
        await until(lambda: not here.all("kubevirts"))
        await quiet(here)
        left = {name for name in here.names() if not name.startswith("leases/")}
        assert left == {"secrets/kubevirt-ca", "secrets/kubevirt-operator-certs"}


def _image(here: World, plural: str, name: str) -> str:
    image: str = here.all(plural)[name]["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


@pytest.mark.parametrize("writes", [0, 2, 9, 35])
async def test_a_crash_after_any_write_is_made_good_by_a_successor(writes: int) -> None:
    async with fake_kube() as (fake, kube):
        here = World(fake, kube)
        fake.put(KUBEVIRTS, kubevirt())
        fake.fail_after(writes)
        async with operating(kube):
            await until(lambda: fake.failing)
        fake.fail_after(None)
        async with operating(kube):
            await installed(here)
            await quiet(here)
        assert here.status()["phase"] == "Deployed"
        assert here.names() == await _names_of_a_smooth_install()


async def _names_of_a_smooth_install() -> set[str]:
    async with world() as here:
        await installed(here)
        return here.names()
