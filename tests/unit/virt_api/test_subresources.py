"""Subresources that ask or refuse, over the wire: status codes, bodies, and what is reviewed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tests.unit.virt_api.bench import ALICE, KUBEVIRTS, SUBRESOURCES, VMIS, VMS, Bench, bench, vm, vmi

NAMESPACE = f"{SUBRESOURCES}/namespaces/ns"
MIGRATIONS = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstancemigrations"


async def ask(api: Bench, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
    """Status, content type, and the body: JSON where it is."""
    data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    async with api.front.request(method, f"{api.url}{NAMESPACE}/{path}", data=data, headers=ALICE) as answer:
        content = await answer.read()
        shown = msgspec.json.decode(content) if answer.content_type == "application/json" else content.decode()
        return answer.status, answer.content_type, shown


def reviewed(api: Bench) -> tuple[str, str, str, str]:
    asked = api.reviews[-1]["spec"]["resourceAttributes"]
    return asked["verb"], asked["resource"], asked["subresource"], asked["name"]


async def test_expansion(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        code, _, status = await ask(api, "GET", "virtualmachines/x/expand-spec")
        assert (code, status["message"]) == (404, 'virtualmachine.kubevirt.io "x" not found')
        api.fake.put(VMS, {**vm(), "status": {"ready": True}})
        code, kind, shown = await ask(api, "GET", "virtualmachines/x/expand-spec")
        assert (code, kind, shown["status"]) == (200, "application/json", {"ready": True})
        assert reviewed(api) == ("get", "virtualmachines", "expand-spec", "x")
        given = {"metadata": {"name": "new"}, "spec": {"template": {"spec": {"domain": {"devices": {}}}}}}
        code, _, shown = await ask(api, "PUT", "expand-vm-spec", given)
        assert (code, shown["spec"], shown["metadata"]["namespace"]) == (200, given["spec"], "ns")
        assert reviewed(api) == ("update", "expand-vm-spec", "", "")
        code, _, status = await ask(api, "PUT", "expand-vm-spec", {"spec": {"running": 1}})
        assert (code, status["reason"], bool(status["details"]["causes"])) == (400, "BadRequest", True)


async def test_the_object_graph_has_a_gate(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm())
        code, _, status = await ask(api, "GET", "virtualmachines/x/objectgraph")
        assert (code, status["message"]) == (
            400,
            "ObjectGraph feature gate not enabled: Unable to return object graph.",
        )
        developer = {"developerConfiguration": {"featureGates": ["ObjectGraph"]}}
        api.fake.put(KUBEVIRTS, {"metadata": {"name": "kubevirt"}, "spec": {"configuration": developer}})
        async with asyncio.timeout(5):
            while (await ask(api, "GET", "virtualmachines/x/objectgraph"))[0] != 200:
                await asyncio.sleep(0.01)
        _, _, node = await ask(api, "GET", "virtualmachines/x/objectgraph")
        assert node["objectReference"]["kind"] == "VirtualMachine"
        code, _, status = await ask(api, "GET", "virtualmachineinstances/x/objectgraph")
        assert (code, status["message"]) == (404, 'virtualmachineinstance.kubevirt.io "x" not found')
        wrong = {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}
        code, _, status = await ask(api, "GET", "virtualmachines/x/objectgraph", wrong)
        assert (code, status["message"]) == (400, '"Near" is not a valid label selector operator')


async def test_a_migration_is_made_or_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm("Always"))
        code, _, status = await ask(api, "PUT", "virtualmachines/x/migrate")
        assert (code, status["message"]) == (404, 'virtualmachineinstance.kubevirt.io "x" not found')
        api.fake.put(VMIS, vmi())
        assert await ask(api, "PUT", "virtualmachines/x/migrate", {"dryRun": ["All"]}) == (
            202,
            "application/octet-stream",
            "",
        )
        made = [path for method, path in api.fake.requests if method == "POST" and path.startswith(MIGRATIONS)]
        assert len(made) == 1
        api.fake.put(VMIS, vmi(phase="Scheduling"))
        code, _, status = await ask(api, "PUT", "virtualmachines/x/migrate")
        assert (code, status["message"].rpartition(": ")[2]) == (409, "VM is not running")


async def test_an_evacuation_is_called_off(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, vm("Always"))
        code, _, status = await ask(api, "PUT", "virtualmachines/x/evacuate/cancel")
        assert (code, status["message"].rpartition(": ")[2]) == (409, "VMI is not started")
        api.fake.put(VMIS, vmi())
        assert (await ask(api, "PUT", "virtualmachineinstances/x/evacuate/cancel"))[0] == 200
        assert reviewed(api) == ("update", "virtualmachineinstances", "evacuate/cancel", "x")
        leaving = vmi()
        leaving["status"]["evacuationNodeName"] = "node01"
        api.fake.put(VMIS, leaving)
        code, _, _ = await ask(
            api, "PUT", "virtualmachineinstances/x/evacuate/cancel", {"evacuationNodeName": "node02"}
        )
        assert code == 409
        options = {"evacuationNodeName": "node01"}
        assert (await ask(api, "PUT", "virtualmachineinstances/x/evacuate/cancel", options))[0] == 200
        assert "evacuationNodeName" not in api.stored(f"{VMIS}/x")["status"]


async def test_what_comes_later_is_refused_as_the_original_would(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi())
        code, kind, words = await ask(api, "GET", "virtualmachineinstances/x/sev/querylaunchmeasurement")
        assert (code, kind) == (500, "text/plain")
        assert words.endswith('virtualmachineinstance.kubevirt.io "x": Attestation not requested for VMI')
        code, kind, status = await ask(api, "PUT", "virtualmachineinstances/x/addvolume", b"{}")
        assert (code, kind, status["reason"]) == (400, "application/json", "BadRequest")
        assert reviewed(api) == ("update", "virtualmachineinstances", "addvolume", "x")
        code, _, status = await ask(api, "PUT", "virtualmachines/x/memorydump", b"{}")
        assert (code, status["message"]) == (404, 'virtualmachine.kubevirt.io "x" not found')


async def test_devices_that_no_guest_has(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi())
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers = {**ALICE, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        for stream, code, message in (
            ("usbredir", 409, "Not configured with USB Redirection"),
            ("vsock", 400, "VSOCK is not attached."),
        ):
            path = f"{api.url}{NAMESPACE}/virtualmachineinstances/x/{stream}"
            async with api.front.get(path, headers=headers) as answer:
                assert answer.status == code
                assert (await answer.json())["message"].endswith(message)


async def test_a_guest_agent_is_asked_by_its_node(tmp_path: Path) -> None:
    heard = ("Running", "node01", "AgentConnected")
    async with bench(tmp_path) as api:
        for question in ("guestosinfo", "userlist", "filesystemlist"):
            path = f"virtualmachineinstances/x/{question}"
            missing = (500, "text/plain", 'virtualmachineinstance.kubevirt.io "x" not found')
            assert await ask(api, "GET", path) == missing
            api.fake.put(VMIS, vmi())
            code, kind, said = await ask(api, "GET", path)
            assert (code, kind, said.rpartition(": ")[2]) == (
                500, "text/plain", "VMI does not have guest agent connected",
            )  # fmt: skip
            api.fake.put(VMIS, vmi("x", *heard))
            assert await ask(api, "GET", path) == (200, "application/json", {"asked": question})
            assert reviewed(api) == ("get", "virtualmachineinstances", question, "x")
            api.fake.remove(f"{VMIS}/x")
        api.fake.put(VMIS, vmi("deaf", *heard))
        code, _, status = await ask(api, "GET", "virtualmachineinstances/deaf/guestosinfo")
        assert (code, status["message"]) == (
            500,
            "Internal error occurred: unexpected return code 400 (400 Bad Request), message: "
            "the guest agent cannot be asked: silence",
        )
