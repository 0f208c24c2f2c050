"""Settings for the time of a measurement."""

from __future__ import annotations

from typing import Any

import pytest

from bench.manners import manners
from tests.fakes.kube import FakeKube, fake_kube

PATH = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts"
SAID = {"migrations": {"maxDowntimeMs": 300, "disableTLS": False}, "evictionStrategy": "LiveMigrate"}


def configuration(api: FakeKube) -> Any:
    (found,) = (obj for obj in api.objects.values() if obj["kind"] == "KubeVirt")
    return found["spec"]["configuration"]


async def test_they_are_put_back_whatever_happens() -> None:
    async with fake_kube() as (api, kube):
        api.put(
            PATH,
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "KubeVirt",
                "metadata": {"name": "kubevirt", "namespace": "kubevirt", "generation": 1},
                "spec": {"configuration": SAID},
                "status": {"observedGeneration": 1},
            },
        )
        with pytest.raises(RuntimeError):
            async with manners(kube, {"disableTLS": True, "network": "fast"}):
                expected = {"maxDowntimeMs": 300, "disableTLS": True, "network": "fast"}
                assert configuration(api) == {**SAID, "migrations": expected}
                raise RuntimeError
        assert configuration(api) == SAID


async def test_none_are_no_change() -> None:
    async with fake_kube() as (api, kube), manners(kube, {}):
        assert not api.writes()
