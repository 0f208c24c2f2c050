"""`dryRun: [All]` of every action: answered as if it were done, and nothing is changed, in cluster or guest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.virt_api.bench import ACTED, ALICE, SUBRESOURCES, VMIS, VMS, bench, vm, vmi

PAUSED = [{"type": "Paused", "status": "True"}]
AGENT = [{"type": "AgentConnected", "status": "True"}]
#: resource, action, what is asked beside the dry run, strategy of the VM, VMI's conditions (None: no VMI), answer
ACTIONS: list[tuple[str, str, dict[str, Any], str, list[Any] | None, int]] = [
    ("virtualmachines", "start", {"paused": True}, "Halted", None, 202),
    ("virtualmachines", "stop", {"gracePeriod": 0}, "Always", [], 202),
    ("virtualmachines", "restart", {"gracePeriodSeconds": 0}, "Always", [], 202),
    ("virtualmachines", "migrate", {}, "Always", [], 202),
    ("virtualmachines", "evacuate/cancel", {"evacuationNodeName": "node01"}, "Always", [], 200),
    ("virtualmachineinstances", "evacuate/cancel", {"evacuationNodeName": "node01"}, "Always", [], 200),
    ("virtualmachineinstances", "pause", {}, "Always", [], 200),
    ("virtualmachineinstances", "unpause", {}, "Always", PAUSED, 200),
    ("virtualmachineinstances", "reset", {}, "Always", [], 200),
    ("virtualmachineinstances", "softreboot", {}, "Always", [], 200),
    ("virtualmachineinstances", "freeze", {"unfreezeTimeout": "5s"}, "Always", AGENT, 200),
    ("virtualmachineinstances", "unfreeze", {}, "Always", [], 200),
]


@pytest.mark.parametrize(("kind", "action", "options", "strategy", "seen", "code"), ACTIONS)
async def test_a_dry_run_changes_nothing(
    tmp_path: Path, kind: str, action: str, options: Any, strategy: str, seen: list[Any] | None, code: int
) -> None:
    ACTED.clear()
    async with bench(tmp_path) as api:
        api.fake.put(VMS, {**vm(strategy), "status": {"created": seen is not None, "ready": seen is not None}})
        if seen is not None:
            there = vmi()
            there["status"] |= {"conditions": seen, "evacuationNodeName": "node01"}
            api.fake.put(VMIS, there)
        before = repr(api.fake.objects)
        path = f"{api.url}{SUBRESOURCES}/namespaces/ns/{kind}/x/{action}"
        async with api.front.put(path, json={**options, "dryRun": ["All"]}, headers=ALICE) as answer:
            assert answer.status == code, await answer.text()
        assert repr(api.fake.objects) == before
        assert ACTED == []
