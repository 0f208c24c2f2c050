"""`virtctl migrate --wait`: what is said of a migration, and following one on an API in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from virt_model.migration_progress import ANNOTATION, Progress, encoded
from virtctl.failure import CommandFailed
from virtctl.migration_wait import follow, known
from virtctl.plan.migration import amount, bar, failure, line

Json = dict[str, Any]
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/n"
PROGRESS = Progress(
    migration_uid="job", data_total=100 << 20, data_processed=75 << 20, data_remaining=25 << 20,
    dirty_rate=5 << 20, transfer_rate=10 << 20, expected_downtime_ms=300,
)  # fmt: skip


def migration(phase: str, name: str = "m", **state: str) -> Json:
    metadata = {"name": name, "uid": "job", "labels": {"kubevirt.io/vmi-name": "a"}}
    status = {"phase": phase, **({"migrationState": {"migrationUid": "job", **state}} if state else {})}
    return {"metadata": metadata, "spec": {"vmiName": "a"}, "status": status}


def vmi(progress: Progress | None = None, node: str = "node2") -> Json:
    noted = {"annotations": {ANNOTATION: encoded(progress)}} if progress is not None else {}
    return {"metadata": {"name": "a", **noted}, "status": {"nodeName": node}}


def put(api: FakeKube, phase: str, **state: str) -> None:
    api.put(f"{KUBEVIRT}/virtualmachineinstancemigrations/m", migration(phase, **state))


def test_numbers_and_a_bar() -> None:
    said = line(migration("Running"), vmi(PROGRESS))
    assert said == (
        "Running: 25.0 MiB of 100 MiB left, 75.0 MiB sent at 10.0 MiB/s, guest changes 5.0 MiB/s,"
        " expected downtime 300 ms, 5 s left"
    )
    assert bar(migration("Running"), vmi(PROGRESS)) == f"[{'#' * 18}{'.' * 6}]  75% {said}"
    assert bar(migration("Succeeded"), vmi()) == f"[{'#' * 24}] 100% Succeeded"
    assert line(migration(""), vmi()) == "Pending"


def test_a_guest_that_changes_as_fast_as_it_is_sent_has_no_end() -> None:
    busy = Progress(migration_uid="job", data_total=10, data_remaining=5, dirty_rate=9, transfer_rate=9)
    assert line(migration("Running"), vmi(busy)).endswith("does not get done at this rate")
    other = Progress(migration_uid="another", data_total=10)
    assert line(migration("Running"), vmi(other)) == "Running"


def test_amounts() -> None:
    assert [amount(count) for count in (0, 1023, 1536, 1 << 50)] == ["0 B", "1023 B", "1.5 KiB", "1024 TiB"]


def test_the_reason_is_the_agents_then_the_events_then_a_hint() -> None:
    failed = migration("Failed", failureReason="no\nroute")
    assert failure(failed, None, "said so") == "no route"
    assert failure(migration("Failed"), None, "said so") == "said so"
    assert failure(migration("Failed"), None, "") == "kubectl describe vmim m may say why"


async def test_followed_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    async with fake_kube() as (api, kube):
        assert await known(kube, "n", "a") == frozenset()
        put(api, "Running")
        api.put(f"{KUBEVIRT}/virtualmachineinstances/a", vmi(PROGRESS))
        following = asyncio.create_task(follow(kube, "n", "a", frozenset(), 0.01))
        said: list[str] = []

        def told() -> bool:
            said.append(capsys.readouterr().out)
            return "Running: 25.0 MiB" in "".join(said)

        await until(told, 30)
        api.put(f"{KUBEVIRT}/virtualmachineinstances/a", vmi())
        put(api, "Succeeded")
        await asyncio.wait_for(following, 30)
    assert ("".join(said) + capsys.readouterr().out).endswith("Succeeded\nVM a was migrated to node node2\n")


async def test_one_that_fails_says_why() -> None:
    async with fake_kube() as (api, kube):
        put(api, "Failed", failureReason="no route")
        with pytest.raises(CommandFailed, match=r"^VM a was not migrated: no route$"):
            await follow(kube, "n", "a", frozenset(), 0.01)


async def test_one_that_is_gone_was_called_off() -> None:
    async with fake_kube() as (api, kube):
        put(api, "Running")
        assert await known(kube, "n", "a") == {"job"}
        with pytest.raises(CommandFailed, match="called off"):
            await follow(kube, "n", "a", frozenset({"job"}), 0.01)
