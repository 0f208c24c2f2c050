"""The recorded calls of subresources, made here in the same order: status and body are the same.

Guest `upd` runs, VM `updvm` is stopped between its own actions. What differs is argued in `admission_differences`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.virt_api.admission_differences import OTHERS, SUBRESOURCES
from tests.unit.virt_api.bench import ALICE, VMIS, VMS, Bench, bench, vm, vmi
from tests.unit.virt_api.recorded import requests

CALLS = [
    record
    for record in requests()
    if record["case"].startswith("subresource") and record["case"] not in OTHERS.keys() | SUBRESOURCES.keys()
]
pytestmark = pytest.mark.skipif(not CALLS, reason="the recording is not at hand")


async def _call(api: Bench, record: dict[str, Any]) -> tuple[int, Any]:
    path = record["path"].replace("rec-admission", "ns")
    body = None if record["manifest"] is None else msgspec.json.encode(record["manifest"])
    async with api.front.request(record["method"], api.url + path, data=body, headers=ALICE) as answer:
        content = await answer.read()
        if not content:
            return answer.status, {}
        return answer.status, msgspec.json.decode(content) if content[:1] == b"{" else {"raw": content.decode()}


async def test_the_answers_are_the_recorded_ones(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        stopped = {**vm(), "metadata": {"name": "updvm"}}
        api.fake.put(VMS, stopped)
        api.fake.put(VMIS, {**vmi("upd"), "metadata": {"name": "upd", "namespace": "ns", "uid": "u1"}})
        for record in CALLS:
            code, said = await _call(api, record)
            assert code == record["http_status"], (record["case"], said)
            if record["case"].endswith("vm start updvm"):
                api.fake.put(VMIS, {**vmi("updvm"), "metadata": {"name": "updvm", "uid": "u2"}})
            if record["case"] == "subresource: expand-spec":
                assert said["metadata"]["name"] == "updvm"
            else:
                assert said == record["response"], record["case"]
