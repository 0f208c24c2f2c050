"""The whole agent against a fake API and real launcher processes in real network namespaces."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator

import pytest

from tests.fakes.waiting import until
from tests.unit.virt_handler.node_world import NAMESPACE, NodeWorld, kubelet, node_world
from virt_handler.adapters.guest_actions import ActionFailed
from virt_handler.adapters.session import Session
from virt_handler.plan import guest
from virt_handler.plan.guard import WAITS
from virt_ipc import client

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("unshare"),
    reason="needs root, /dev/net/tun and unshare",
)


@pytest.fixture
async def world() -> AsyncIterator[NodeWorld]:
    async with node_world() as made:
        yield made


async def test_plain_life(world: NodeWorld) -> None:
    async with world.agent():
        vmi = world.add_vmi("a")
        pod = world.add_pod(vmi)
        launcher = world.start_launcher(pod)
        await until(lambda: ("Created", "VirtualMachineInstance defined.") in world.events())
        assert world.writes_to_vmis() == 0, "the object is virt-controller's until it is Scheduled"
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
        status = world.vmi("a")["status"]
        assert status["machine"] == {"type": "pc-q35-11.1"}
        assert status["volumeStatus"] == [{"name": "root", "target": "vda"}]
        assert status["migrationMethod"] == "BlockMigration"
        assert [(each["type"], each["status"]) for each in status["conditions"]] == [
            ("LiveMigratable", "True"),
            ("StorageLiveMigratable", "True"),
        ]
        assert status["interfaces"] == [
            {
                "name": "default", "podInterfaceName": "eth0", "mac": "0a:58:0a:f4:01:07", "queueCount": 1,
                "infoSource": "domain", "linkState": "up", "ipAddress": "10.244.1.7", "ipAddresses": ["10.244.1.7"],
            }
        ]  # fmt: skip
        assert [each["phase"] for each in status["phaseTransitionTimestamps"]] == ["Running"]
        shown = (await world.metrics.exposition()).decode()
        guest = f'node="n1",namespace="{NAMESPACE}",name="a"'
        assert f"\nkubevirt_vmi_cpu_usage_seconds_total{{{guest}," in shown
        assert f'\nkubevirt_vmi_network_receive_bytes_total{{{guest},interface="default",' in shown
        assert "kubevirt_virt_handler_ready_status 1\n" in shown
        world.delete("a")
        await until(lambda: world.phase("a") == "Succeeded")
        assert "ipAddress" not in world.vmi("a")["status"]["interfaces"][0]
        assert world.writes_to_vmis() == 2
        await until(lambda: launcher.poll() == 0)
        await until(lambda: not list((world.root / "private/ghost-records").iterdir()))
        await until(lambda: len(world.events()) == 5)
        assert sorted(world.events()) == [
            ("Created", "VirtualMachineInstance defined."),
            ("Deleted", "Signaled Deletion"),
            ("ShuttingDown", "Signaled Graceful Shutdown"),
            ("Started", "VirtualMachineInstance started."),
            ("Stopped", "The VirtualMachineInstance was shut down."),
        ]


async def test_a_guest_that_is_to_be_guarded_waits_for_its_nodes_lease(world: NodeWorld) -> None:
    world.kube.deny("leases", 403, "no leases today")
    async with world.agent():
        world.start_launcher(world.add_pod(world.add_vmi("a", annotations={"podvirt.io/self-fencing": "true"})))
        world.schedule("a")
        await until(lambda: ("NodeLeaseNotHeld", WAITS) in world.events())
        assert world.phase("a") == "Scheduled", "it must not run before its watchdog"
        world.kube.allow("leases")
        await until(lambda: world.phase("a") == "Running")
        assert world.vmi("a")["metadata"]["annotations"]["podvirt.io/guarded"] == "1"
        lease = world.kube.objects[("apis/coordination.k8s.io/v1/leases", "kubevirt", "node-n1")]
        assert lease["spec"]["holderIdentity"] == "n1" and lease["spec"]["leaseDurationSeconds"] == 30
        assert lease["metadata"]["annotations"]["podvirt.io/witnesses"] == "n2"
    left = world.kube.objects[("apis/coordination.k8s.io/v1/leases", "kubevirt", "node-n1")]
    assert left["spec"]["leaseDurationSeconds"] == 300, "a successor must be there before it runs out"


async def test_deaf_guest_is_killed_when_its_grace_is_over(world: NodeWorld) -> None:
    async with world.agent():
        vmi = world.add_vmi("a", terminationGracePeriodSeconds=2)
        world.start_launcher(world.add_pod(vmi), "deaf")
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
        world.delete("a")
        await until(lambda: world.phase("a") == "Failed")
        await until(lambda: ("Deleted", "VirtualMachineInstance stopping") in world.events())


async def test_a_launcher_that_hangs_is_told_of_until_it_answers(
    world: NodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "PULSE", 0.05)
    monkeypatch.setattr(client, "SHORT", 0.2)
    monkeypatch.setattr(guest, "SILENT_AFTER", 0.1)

    def claims() -> list[str]:
        listed = world.vmi("a")["status"].get("conditions", [])
        return [each["status"] for each in listed if each["type"] == "Synchronized"]

    async with world.agent():
        launcher = world.start_launcher(world.add_pod(world.add_vmi("a")))
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
        launcher.send_signal(signal.SIGSTOP)
        await until(lambda: claims() == ["Unknown"])
        assert world.phase("a") == "Running"
        launcher.send_signal(signal.SIGCONT)
        await until(lambda: claims() == [])
        assert [reason for reason, _ in world.events()].count("LauncherSilent") == 1


async def test_no_grace_no_signal(world: NodeWorld) -> None:
    async with world.agent():
        vmi = world.add_vmi("a", terminationGracePeriodSeconds=0)
        world.start_launcher(world.add_pod(vmi))
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
        world.delete("a")
        await until(lambda: world.phase("a") == "Succeeded")
        assert ("ShuttingDown", "Signaled Graceful Shutdown") not in world.events()


async def test_guest_outlives_the_agent_and_is_adopted(world: NodeWorld) -> None:
    async with world.agent():
        launcher = world.start_launcher(world.add_pod(world.add_vmi("a")))
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
    writes = world.writes_to_vmis()
    async with world.agent() as node:
        await until(lambda: node.agent.connected() == 1)
        assert launcher.poll() is None and world.writes_to_vmis() == writes
        world.delete("a")
        await until(lambda: world.phase("a") == "Succeeded")


async def test_pause_and_unpause_are_done_shown_and_told(world: NodeWorld) -> None:
    async with world.agent() as node:
        vmi = world.add_vmi("a")
        world.start_launcher(world.add_pod(vmi))
        uid = vmi["metadata"]["uid"]
        with pytest.raises(ActionFailed, match="no launcher"):
            await node.actions.do("nobody", "pause", {})
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")

        def paused() -> list[tuple[str, str]]:
            listed = world.vmi("a")["status"]["conditions"]
            return [(each["reason"], each["message"]) for each in listed if each["type"] == "Paused"]

        await node.actions.do(uid, "pause", {})
        await until(lambda: paused() == [("PausedByUser", "VMI was paused by user")])
        assert world.phase("a") == "Running"
        await node.actions.do(uid, "unpause", {})
        await until(lambda: paused() == [])
        await until(lambda: ("Unpaused", "VirtualMachineInstance unpaused") in world.events())
        assert ("Paused", "VirtualMachineInstance paused") in world.events()
        with pytest.raises(ActionFailed, match=r'^server error\. command Reset failed: "libvirt: the button'):
            await node.actions.do(uid, "reset", {})
        assert not [reason for reason, _ in world.events() if reason == "Reset"]


async def test_killed_launcher_fails_its_vmi(world: NodeWorld) -> None:
    async with world.agent():
        launcher = world.start_launcher(world.add_pod(world.add_vmi("a")))
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        await until(lambda: world.phase("a") == "Failed")
        await until(lambda: ("Stopped", "The VirtualMachineInstance crashed.") in world.events())


async def test_launcher_that_died_while_nobody_looked(world: NodeWorld) -> None:
    async with world.agent():
        launcher = world.start_launcher(world.add_pod(world.add_vmi("a")))
        world.schedule("a")
        await until(lambda: world.phase("a") == "Running")
    launcher.kill()
    launcher.wait()
    async with world.agent():
        await until(lambda: world.phase("a") == "Failed")
        await until(lambda: not list((world.root / "private/ghost-records").iterdir()))


async def test_refused_domain_is_shown_and_tried_again(world: NodeWorld) -> None:
    async with world.agent():
        vmi = world.add_vmi("a", volumes=[{"name": "broken", "containerDisk": {"image": "x"}}])
        world.start_launcher(world.add_pod(vmi))
        world.schedule("a")
        await until(lambda: any(reason == "SyncFailed" for reason, _ in world.events()))
        shown = {each["type"]: each for each in world.vmi("a")["status"]["conditions"]}["Synchronized"]
        assert (shown["status"], shown["reason"]) == ("False", "Synchronizing with the Domain failed.")
        assert shown["message"] == "the image has no disk"


async def test_somebody_elses_pod_is_not_a_launcher(world: NodeWorld) -> None:
    async with world.agent():
        vmi = world.add_vmi("a", phase="Pending")
        pod = world.add_pod(vmi)
        world.kube.remove(f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}")
        impostor = {**pod, "metadata": {**pod["metadata"], "name": "virt-launcher-a-xxxxx"}}
        world.kube.put("/api/v1/namespaces/default/pods", impostor)
        world.start_launcher(impostor)
        other = world.add_vmi("b")
        world.start_launcher(world.add_pod(other))
        await until(lambda: ("Created", "VirtualMachineInstance defined.") in world.events())
        assert len(world.events()) == 1


async def test_a_kubelet_that_starts_anew_gets_the_plugins_again(world: NodeWorld) -> None:
    async with world.agent():
        assert len(world.registered) == 3
        async with kubelet(world):
            await until(lambda: len(world.registered) == 6)


async def test_node_beats_once_and_is_unschedulable_when_the_agent_leaves(world: NodeWorld) -> None:
    async with world.agent():
        metadata = world.node()["metadata"]
        assert metadata["labels"]["kubevirt.io/schedulable"] == "true"
        assert metadata["annotations"]["kubevirt.io/heartbeat"].endswith("Z")
        assert len(world.registered) == 3
        assert len(world.kube.writes()) == 1
    assert world.node()["metadata"]["labels"]["kubevirt.io/schedulable"] == "false"
