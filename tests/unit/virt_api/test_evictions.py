"""Evictions as the API server asks about them: what is answered, and what is written into the VMI."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.waiting import until
from tests.unit.virt_api.bench import KUBEVIRTS, VMIS, Bench, bench, vmi

PODS = "/api/v1/namespaces/ns/pods"
TRIGGERED = 'Eviction triggered evacuation of VMI "ns/x"'
IMMOVABLE = "VMI x is configured with an eviction strategy but is not live-migratable"
ALLOWED = (True, 0, "")


def launcher(node: str = "node01", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    marks = {"labels": {"kubevirt.io": "virt-launcher"}, "annotations": {"kubevirt.io/domain": "x"}}
    named = {"name": "virt-launcher-x-abcde", **marks, **metadata}
    return {"metadata": named, "spec": {"nodeName": node}, "status": {"phase": phase}}


def guest(strategy: str = "LiveMigrate", movable: bool = True, **status: Any) -> dict[str, Any]:
    made = vmi()
    made["spec"]["evictionStrategy"] = strategy
    found = [{"type": "LiveMigratable", "status": "True" if movable else "False"}]
    made["status"] |= {"nodeName": "node01", "conditions": found, **status}
    return made


async def evict(api: Bench, version: str = "v1", *, dry: bool = False, **changes: Any) -> tuple[bool, int, str]:
    """Allowed, code and text of the answer."""
    request = {
        "uid": "u", "operation": "CREATE", "namespace": "ns", "name": "virt-launcher-x-abcde",
        "kind": {"group": "policy", "version": version, "kind": "Eviction"}, "dryRun": dry,
        "object": {"apiVersion": f"policy/{version}", "kind": "Eviction"}, **changes,
    }  # fmt: skip
    async with api.stranger.post(f"{api.url}/pod-eviction-validate", json={"request": request}) as answer:
        said = (await answer.json())["response"]
        assert said["uid"] == "u"
        status = said.get("status", {})
        assert "reason" not in status, "kubectl shows no word before the text"
        return said["allowed"], status.get("code", 0), status.get("message", "")


def marked(api: Bench) -> str:
    return str(api.stored(f"{VMIS}/x")["status"].get("evacuationNodeName", ""))


@pytest.mark.parametrize(
    ("strategy", "movable", "text"),
    [
        ("None", True, ""),
        ("LiveMigrate", True, TRIGGERED),
        ("LiveMigrate", False, IMMOVABLE),
        ("LiveMigrateIfPossible", True, TRIGGERED),
        ("LiveMigrateIfPossible", False, ""),
        ("External", True, TRIGGERED),
        ("External", False, TRIGGERED),
    ],
)
async def test_each_strategy(tmp_path: Path, strategy: str, movable: bool, text: str) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher())
        api.fake.put(VMIS, guest(strategy, movable))
        refused = (False, 429, text) if text else ALLOWED
        assert await evict(api, dry=True) == refused
        assert marked(api) == "", "a dry run writes nothing"
        assert await evict(api, "v1beta1") == refused
        assert marked(api) == ("node01" if text == TRIGGERED else "")
        again = (False, 429, f"Evacuation in progress: {TRIGGERED}") if text == TRIGGERED else refused
        assert await evict(api) == again


async def test_pods_that_go_like_any_other(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, guest())
        assert await evict(api) == ALLOWED, "there is no such pod"
        for pod in (launcher(labels={"app": "web"}), launcher(phase="Succeeded"), launcher(annotations={})):
            api.fake.put(PODS, pod)
            assert await evict(api) == ALLOWED
        api.fake.put(PODS, launcher())
        api.fake.put(VMIS, guest(phase="Succeeded"))
        assert await evict(api) == ALLOWED
        assert await evict(api, name="../../secrets/a") == ALLOWED
        assert not any("secrets" in path for _, path in api.fake.requests)


async def test_what_cannot_be_found_out_denies(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher())
        allowed, code, text = await evict(api)
        assert (allowed, code) == (False, 429) and text.startswith("kubevirt failed getting the vmi: ")
        api.fake.put(VMIS, guest())
        api.fake.deny("/virtualmachineinstances/x", 500, "the store is away")
        assert await evict(api) == (False, 429, "kubevirt failed marking the vmi for eviction: the store is away")


async def test_the_target_of_a_migration_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher(node="node02"))
        api.fake.put(VMIS, guest())
        assert await evict(api) == (False, 429, "Eviction request for target Pod")
        assert marked(api) == ""


async def test_a_mark_for_a_node_that_it_has_left_counts_no_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher())
        api.fake.put(VMIS, guest(evacuationNodeName="node00"))
        assert await evict(api) == (False, 429, TRIGGERED)
        assert marked(api) == "node01"


async def test_the_clusters_strategy_counts_where_the_vmi_names_none(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher())
        api.fake.put(VMIS, guest(""))
        assert await evict(api) == ALLOWED
        spec = {"configuration": {"evictionStrategy": "LiveMigrate"}}
        api.fake.put(KUBEVIRTS, {"metadata": {"name": "kubevirt"}, "spec": spec})
        async with asyncio.timeout(60):
            while await evict(api) == ALLOWED:
                await asyncio.sleep(0.01)
        assert marked(api) == "node01"


async def test_the_owner_of_an_immovable_guest_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(PODS, launcher())
        api.fake.put(VMIS, guest(movable=False))
        await evict(api)

        def told() -> list[str]:
            kept = [obj for (path, _, _), obj in api.fake.objects.items() if path.endswith("/events")]
            return [f"{each['type']} {each['reason']}: {each['message']}" for each in kept]

        await until(lambda: told() == [f"Warning FailedEvict: {IMMOVABLE}"])
