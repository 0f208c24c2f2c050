"""`virtctl migrate --force-complete` and `migrate-cancel`, on an API in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.kube import FakeKube, fake_kube
from tests.unit.virtctl.test_on_api import KUBEVIRT, Run, run
from virt_model import labels

__all__ = ["run"]
Json = dict[str, Any]


def put(api: FakeKube, phase: str) -> None:
    metadata = {"name": "m", "uid": "job", "labels": {labels.MIGRATION_VMI_NAME: "a"}}
    api.put(f"{KUBEVIRT}/virtualmachineinstancemigrations", {"metadata": metadata, "status": {"phase": phase}})


async def test_the_migration_under_way_is_marked(run: Run) -> None:
    async with fake_kube() as (api, kube):
        put(api, "Running")
        said = await run(kube.server, "migrate", "a", "--force-complete", "--dry-run")
        assert said == (0, "Dry Run execution\nVM a stands still until it has migrated\n", "")
        stored = await kube.raw("GET", f"{KUBEVIRT}/virtualmachineinstancemigrations/m")
        assert "annotations" not in stored["metadata"]
        said = await run(kube.server, "migrate", "a", "--force-complete")
        stored = await kube.raw("GET", f"{KUBEVIRT}/virtualmachineinstancemigrations/m")
    assert said == (0, "VM a stands still until it has migrated\n", "")
    assert stored["metadata"]["annotations"] == {labels.FORCE_COMPLETE: ""}


async def test_what_is_told_is_what_happens_to_the_guest(run: Run) -> None:
    async with fake_kube() as (api, kube):
        put(api, "Running")
        state = {"migrationUid": "job", "migrationConfiguration": {"allowPostCopy": True}}
        vmi = {"metadata": {"name": "a", "uid": "vmi"}, "status": {"migrationState": state}}
        api.put(f"{KUBEVIRT}/virtualmachineinstances", vmi)
        said = await run(kube.server, "migrate", "a", "--force-complete")
    assert said == (0, "VM a goes on at its new node at once, while the rest of its memory is fetched\n", "")


async def test_there_must_be_one(run: Run) -> None:
    async with fake_kube() as (api, kube):
        put(api, "Succeeded")
        code, _, said = await run(kube.server, "migrate", "a", "--force-complete")
    assert code == 1 and "Found no migration to complete for a: start one with virtctl migrate a" in said


@pytest.mark.parametrize("more", ["--wait", "--addedNodeSelector=a=b"])
async def test_it_starts_none(run: Run, more: str) -> None:
    code, _, said = await run("http://127.0.0.1:1", "migrate", "a", "--force-complete", more)
    assert code == 1 and "it starts none" in said


async def test_the_one_under_way_is_called_off_or_there_is_none(run: Run) -> None:
    async with fake_kube() as (api, kube):
        put(api, "Running")
        dry = await run(kube.server, "migrate-cancel", "a", "--dry-run")
        assert dry == (0, "Dry Run execution\nVM a was scheduled to migrate-cancel\n", "")
        assert await run(kube.server, "migrate-cancel", "a") == (0, "VM a was scheduled to migrate-cancel\n", "")
        code, _, said = await run(kube.server, "migrate-cancel", "a")
    assert code == 1 and "Found no migration to cancel for a" in said
