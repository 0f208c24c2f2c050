"""virt-api as a whole, over TLS, against a fake API server and a fake handler."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.unit.virt_api.bench import (
    ACTED,
    ALICE,
    CONFIGMAPS,
    CONSOLE,
    KUBEVIRTS,
    ONE,
    SUBRESOURCES,
    VMIS,
    VMS,
    bench,
    vm,
    vmi,
)


async def test_start_writes_what_was_decided_and_asks_for_leave_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm())
        assert await api.put("start") == (202, "")
        assert api.stored(f"{VMS}/x")["spec"] == {"runStrategy": "Always"}
        (review,) = api.reviews
        assert review["spec"] == {
            "user": "alice",
            "groups": ["wheel"],
            "extra": {"scopes": ["all"]},
            "resourceAttributes": {
                "namespace": "ns",
                "verb": "update",
                "group": "subresources.kubevirt.io",
                "version": "v1",
                "resource": "virtualmachines",
                "subresource": "start",
                "name": "x",
            },
        }


async def test_requests_go_through_the_status_and_refusals_are_status_objects(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        assert await api.put("restart") == (404, 'virtualmachine.kubevirt.io "x" not found')
        api.fake.put(VMS, {**vm("Manual"), "status": {}})
        api.fake.put(VMIS, vmi())
        assert await api.put("restart", gracePeriodSeconds=0) == (202, "")
        requests = api.stored(f"{VMS}/x")["status"]["stateChangeRequests"]
        assert requests == [{"action": "Stop", "uid": "u1"}, {"action": "Start"}]
        assert api.stored(f"{VMIS}/x")["spec"] == {"terminationGracePeriodSeconds": 1}
        code, message = await api.put("start")
        assert code == 409
        assert message == 'Operation cannot be fulfilled on virtualmachine.kubevirt.io "x": VM is already running'


async def test_who_is_not_vouched_for_gets_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm())
        for session in (api.stranger, api.impostor):
            async with session.put(f"{api.url}{ONE}/start", headers=ALICE) as answer:
                assert answer.status == 401
        api.allowed = False
        assert await api.put("start") == (401, "RBAC says no")
        assert api.stored(f"{VMS}/x")["spec"] == {"runStrategy": "Halted"}


@pytest.mark.parametrize("name", ["..%2Fx", "x%2Fstatus", "x%3Fy", "X", "%2e%2e"])
async def test_a_name_that_is_a_path_leads_nowhere(tmp_path: Path, name: str) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm())
        api.fake.requests.clear()
        url = URL(f"{api.url}{ONE.removesuffix('x')}{name}/start", encoded=True)
        async with api.front.put(url, headers=ALICE) as answer:
            assert answer.status == 404
        assert not [path for _, path in api.fake.requests if "/namespaces/ns/" in path]


async def test_the_newest_configuration_counts(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        review = {"request": {"uid": "7", "operation": "CREATE", "object": {"spec": {"domain": {"devices": {}}}}}}

        async def binding() -> str:
            async with api.stranger.post(f"{api.url}/virtualmachineinstances-mutate", json=review) as answer:
                patch = json.loads(base64.b64decode((await answer.json())["response"]["patch"]))
            spec = next(op["value"] for op in patch if op["path"] == "/spec")
            return str(spec["domain"]["devices"]["interfaces"])

        assert "bridge" in await binding()
        configuration = {"network": {"defaultNetworkInterface": "masquerade"}}
        api.fake.put(KUBEVIRTS, {"metadata": {"name": "kubevirt"}, "spec": {"configuration": configuration}})
        async with asyncio.timeout(5):
            while "masquerade" not in await binding():
                await asyncio.sleep(0.01)


async def test_whom_to_believe_may_change(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm())
        assert await api.put("start", dryRun=["All"]) == (202, "")
        published = api.stored(f"{CONFIGMAPS}/extension-apiserver-authentication")
        narrowed = {**published["data"], "requestheader-allowed-names": '["another"]'}
        api.fake.put(CONFIGMAPS, {"metadata": {"name": "extension-apiserver-authentication"}, "data": narrowed})
        async with asyncio.timeout(5):
            while (await api.put("start", dryRun=["All"]))[0] != 401:
                await asyncio.sleep(0.01)


async def test_documents_are_for_everybody(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:

        async def read(path: str) -> Any:
            async with api.stranger.get(api.url + path) as answer:
                assert answer.status == 200, path
                return await answer.json()

        names = [entry["name"] for entry in (await read(SUBRESOURCES))["resources"]]
        vmi = ("vnc", "vnc/screenshot", "console", "portforward", "backup", "redefine-checkpoint", "pause", "unpause")
        asked = ("guestosinfo", "userlist", "filesystemlist")
        later = ("addvolume", "removevolume", "objectgraph", "sev/fetchcertchain", "sev/querylaunchmeasurement")
        last = ("sev/setupsession", "sev/injectlaunchsecret", "evacuate/cancel")
        vm = ("start", "stop", "restart", "migrate", "expand-spec", "objectgraph", "evacuate/cancel")
        assert names == [
            "expand-vm-spec",
            *(f"virtualmachineinstances/{name}" for name in (*vmi, "freeze", "unfreeze", "reset", "softreboot")),
            *(f"virtualmachines/{name}" for name in vm),
            *(f"virtualmachineinstances/{name}" for name in (*asked, *later, *last)),
        ]
        assert (await read("/apis/subresources.kubevirt.io"))["preferredVersion"]["version"] == "v1"
        assert (await read(f"{SUBRESOURCES}alpha3/version"))["gitVersion"].startswith("v")
        for path in (
            "/",
            "/apis",
            "/openapi/v2",
            "/openapi/v3",
            f"/openapi/v3{SUBRESOURCES}",
            f"{SUBRESOURCES}/guestfs",
        ):
            assert await read(path)
        async with api.stranger.get(f"{api.url}{SUBRESOURCES}/namespaces/ns/virtualmachines/x/dance") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (404, "NotFound")


async def test_an_action_is_done_by_the_guests_node(tmp_path: Path) -> None:
    ACTED.clear()
    async with bench(tmp_path) as api:

        async def put(name: str, action: str, body: bytes = b"") -> tuple[int, str]:
            url = f"{api.url}{CONSOLE.replace('/x/console', f'/{name}/{action}')}"
            async with api.front.put(url, data=body, headers=ALICE) as answer:
                text = await answer.text()
                return answer.status, (await answer.json())["message"] if text.startswith("{") else text

        assert await put("x", "pause") == (404, 'virtualmachineinstance.kubevirt.io "x" not found')
        for name, node in (("x", "node01"), ("deaf", "node01"), ("lost", "node02")):
            api.fake.put(VMIS, vmi(name, node=node))
        assert await put("x", "pause", b'{"dryRun":["All"]}') == (200, "")
        assert ACTED == []
        assert await put("x", "pause") == (200, "")
        assert await put("x", "softreboot", b"{}") == (200, "")
        root = "/v1/namespaces/ns/virtualmachineinstances/x"
        assert [f"{root}/pause", f"{root}/softreboot"] == ACTED
        assert api.reviews[-1]["spec"]["resourceAttributes"]["subresource"] == "softreboot"
        api.fake.put(VMIS, vmi("x", "Running", "node01", "AgentConnected"))
        assert await put("x", "freeze", b'{"unfreezeTimeout":"90s"}') == (200, "")
        assert ACTED[-1] == f"{root}/freeze?unfreezeAfter=90"
        why = 'unexpected return code 400 (400 Bad Request), message: server error. command Pause failed: "no"'
        assert await put("deaf", "pause") == (500, f"Internal error occurred: {why}")
        assert await put("lost", "reset") == (
            500,
            "Internal error occurred: no virt-handler is ready on node node02",
        )
        code, message = await put("x", "unpause")
        assert (code, message.rpartition(": ")[2]) == (409, "VMI is not paused")
        code, message = await put("x", "pause", b"[")
        assert code == 400 and message.startswith("Can not unmarshal Request body to struct, error: ")
        api.allowed = False
        assert await put("x", "pause") == (401, "RBAC says no")


async def test_an_admission_review_is_answered_and_rubbish_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        url = f"{api.url}/virtualmachines-validate"
        vm = {"spec": {"template": {"spec": {}}}}
        review = {"request": {"uid": "7", "operation": "CREATE", "object": vm}}
        async with api.stranger.post(url, json=review) as answer:
            response = (await answer.json())["response"]
            assert (response["uid"], response["allowed"], response["status"]["code"]) == ("7", False, 422)
        for rubbish in (b"", b"[]", b"{}", b"[" * 100000):
            async with api.stranger.post(url, data=rubbish) as answer:
                assert answer.status == 400
