"""The first cause: which row of the table each state of a VM names, where in the chain, and what it tells to do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.virt_controller.objects import NOW, pod, vm, vmi
from tests.unit.virt_controller.recorded import needs_recordings
from tests.unit.virtctl.cases import case, condition, node, recorded, told, unplaced
from virt_model.seen import Pod, Seen, Vm, Vmi
from virtctl.plan.why.case import Case, Link, lasted
from virtctl.plan.why.causes import RULES, answer
from virtctl.plan.why.screen import screen

SYNC_FAILED = "Synchronizing with the Domain failed."
AGO = "2027-01-15T07:59:00Z"  # a minute before NOW
SOON = "2027-01-15T08:00:30Z"
RUNNING = {"conditions": [{"type": "Ready", "status": "True"}, {"type": "AgentConnected", "status": "True"}]}
FINALIZERS = ["kubevirt.io/virtualMachineControllerFinalize"]


def with_spec(instance: Vmi, **spec: Any) -> Vmi:
    return Vmi({**instance.raw, "spec": {**instance.spec, **spec}})


BRIDGED = condition("LiveMigratable", "False", "InterfaceNotLiveMigratable", "no masquerade")


def leaving(strategy: str, status: dict[str, Any]) -> Vmi:
    """A VMI whose eviction was asked for."""
    marked = {"nodeName": "node1", "evacuationNodeName": "node1", **status}
    return with_spec(vmi("Running", marked), evictionStrategy=strategy)


def ended_pod(**terminated: Any) -> Pod:
    states = [{"name": "compute", "state": {"terminated": terminated}}]
    return pod("Failed", status={"containerStatuses": states})


def waiting_pod(reason: str, message: str) -> Pod:
    waiting = {"reason": reason, "message": message}
    return pod(status={"containerStatuses": [{"name": "compute", "state": {"waiting": waiting}}]})


def claim(phase: str, **spec: Any) -> Seen:
    return Seen({"metadata": {"name": "data"}, "spec": spec, "status": {"phase": phase}})


QUOTA = 'pods "virt-launcher-a-x" is forbidden: exceeded quota: q, requested: memory=2Gi, used: memory=0, limited: 1Gi'
SECURITY = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile'
KVM = "2 Insufficient devices.kubevirt.io/kvm. preemption: 0/2 nodes are available."

TABLE: dict[str, tuple[Case, str, Link, tuple[str, ...]]] = {
    "stopped": (case(vm("Halted")), "stopped", Link.VM, ("virtctl -n n start a",)),
    "never started": (case(vm("Manual")), "stopped", Link.VM, ("starts when somebody says so",)),
    "start asked for": (
        case(vm("Manual", {"stateChangeRequests": [{"action": "Start"}]})),
        "action pending",
        Link.VM,
        ("to start it",),
    ),
    "restart asked for": (
        case(vm("Always", {"stateChangeRequests": [{"action": "Stop"}, {"action": "Start"}]}), vmi("Running"), pod()),
        "action pending",
        Link.VM,
        ("to restart it",),
    ),
    "stop asked for": (case(vm("Halted"), vmi("Running")), "action pending", Link.VM, ("to stop it", "is Halted")),
    "no VMI yet": (case(vm()), "action pending", Link.VM, ("virt-controller",)),
    "first rerun": (case(vm("RerunOnFailure")), "action pending", Link.VM, ("to start it",)),
    "VMI over quota": (
        case(vm("Always", condition("Failure", "True", "FailedCreate", "exceeded quota: q"))),
        "start refused",
        Link.VM,
        ("describe quota",),
    ),
    "backing off": (
        case(
            vm("Always", {"startFailure": {"consecutiveFailCount": 3, "retryAfterTimestamp": SOON}}),
            events=(told("VirtualMachineInstance", "SyncFailed", "volume root: the image has no disk"),),
        ),
        "start backs off",
        Link.VMI,
        ("30s", "3 starts", "has no disk"),
    ),
    "pod over quota": (
        case(vmi=vmi("Pending", condition("Synchronized", "False", "FailedCreate", QUOTA))),
        "quota",
        Link.POD,
        ("exceeded quota: q", "kubectl -n n describe quota"),
    ),
    "pod not admitted": (
        case(vmi=vmi("Pending", condition("Synchronized", "False", "FailedCreate", SECURITY))),
        "pod refused",
        Link.POD,
        ("pod-security.kubernetes.io/enforce-",),
    ),
    "claim missing": (
        case(vmi=vmi("Pending", condition("Synchronized", "False", "FailedPvcNotFound", "x")), claims={"data": None}),
        "claim missing",
        Link.POD,
        ("waits for the claim data, which does not exist",),
    ),
    "claim unbound": (
        case(
            vmi=vmi("Scheduling"),
            pod=unplaced("pod has unbound immediate PersistentVolumeClaims."),
            claims={"data": claim("Pending", storageClassName="fast")},
            events=(told("PersistentVolumeClaim", "ProvisioningFailed", "no space left in the pool", "data"),),
        ),
        "claim pending",
        Link.POD,
        ("storage class fast", "no space left in the pool", "describe pvc data"),
    ),
    "claim without class": (
        case(
            vmi=vmi("Scheduling"),
            pod=unplaced("pod has unbound immediate PersistentVolumeClaims."),
            claims={"data": claim("Pending", storageClassName="")},
        ),
        "claim pending",
        Link.POD,
        ("no storage class is to make one", "make a PersistentVolume"),
    ),
    "claim lost": (
        case(
            vmi=vmi("Scheduling"),
            pod=unplaced("x"),
            claims={"data": claim("Lost", volumeName="pv1")},
        ),
        "claim pending",
        Link.POD,
        ("restore the volume pv1",),
    ),
    "no KVM": (
        case(
            vmi=vmi("Scheduling"),
            pod=unplaced(KVM, {"devices.kubevirt.io/kvm": "1"}),
            nodes=(node(allocatable={"devices.kubevirt.io/kvm": "0"}),),
        ),
        "no usable KVM",
        Link.NODE,
        ("node1: has no usable KVM", "useEmulation"),
    ),
    "KVM taken": (
        case(
            vmi=vmi("Scheduling"),
            pod=unplaced(KVM, {"devices.kubevirt.io/kvm": "1"}),
            nodes=(node(allocatable={"devices.kubevirt.io/kvm": "1"}),),
            neighbours=(
                unplaced("x", {"devices.kubevirt.io/kvm": "1"}, nodeName="node1"),
            ),
        ),
        "unschedulable",
        Link.NODE,
        ("node1: devices.kubevirt.io/kvm: 1 asked, 0 free of 1",),
    ),
    "too big": (
        case(vm(), vmi("Scheduling"), unplaced("2 Insufficient memory.", {"memory": "8Gi"}), nodes=(node(),)),
        "unschedulable",
        Link.NODE,
        ("a node with enough memory", "node1: memory: 8Gi asked, 4Gi", "spec.template.spec.domain.memory.guest"),
    ),
    "nodes not to be seen": (
        case(vm(), vmi("Scheduling"), unplaced("2 Insufficient cpu.", {"cpu": "8"}), unread=("nodes",)),
        "unschedulable",
        Link.NODE,
        ("ask who may list nodes", "you may not read nodes"),
    ),
    "no image": (
        case(
            vmi=vmi("Scheduling", condition("Synchronized", "False", "ErrImagePull", "rpc error")),
            pod=waiting_pod("ErrImagePull", "rpc error"),
            events=(told("Pod", "Failed", 'Failed to pull image "nosuch:1": not found', "virt-launcher-a-x"),),
        ),
        "image missing",
        Link.POD,
        ('Failed to pull image "nosuch:1": not found', "spec.volumes"),
    ),
    "no secret": (
        case(
            vmi=vmi("Scheduling"),
            pod=pod(),
            events=(told("Pod", "FailedMount", 'secret "s" not found'),),
        ),
        "volume not mounted",
        Link.POD,
        ('secret "s" not found', "make what is missing"),
    ),
    "no network": (
        case(vmi=vmi("Scheduling"), pod=pod(), events=(told("Pod", "FailedCreatePodSandBox", "no CNI"),)),
        "volume not mounted",
        Link.POD,
        ("waits for its pod's network", "no CNI"),
    ),
    "no container": (
        case(vmi=vmi("Scheduling"), pod=waiting_pod("CreateContainerError", "no such device")),
        "volume not mounted",
        Link.POD,
        ("the container compute, which cannot be made", "no such device"),
    ),
    "no disk in the image": (
        case(
            vm(),
            vmi("Scheduled", condition("Synchronized", "False", SYNC_FAILED, "volume root: the image has no disk")),
            pod("Running"),
        ),
        "domain refused",
        Link.DOMAIN,
        ("waits for a disk image that can be used", "kubectl -n n delete vmi a"),
    ),
    "no such machine": (
        case(vmi=vmi("Scheduled", condition("Synchronized", "False", SYNC_FAILED, "unsupported machine type"))),
        "domain refused",
        Link.DOMAIN,
        ("waits for a domain that can be made",),
    ),
    "pod just made": (case(vmi=vmi("Scheduling"), pod=pod(node="")), "on its way", Link.POD, ("the scheduler",)),
    "pod starts": (case(vmi=vmi("Scheduling"), pod=pod()), "on its way", Link.POD, ("to start on node1",)),
    "no pod for long": (
        case(vmi=vmi("Pending", creationTimestamp=AGO)),
        "on its way",
        Link.VMI,
        ("for 1m: virt-controller is silent", "-l kubevirt.io=virt-controller"),
    ),
    "no domain for long": (
        case(
            vmi=vmi("Scheduled", creationTimestamp=AGO),
            pod=pod("Running", status={"containerStatuses": [{"name": "compute", "state": {"running": {}}}]}),
        ),
        "on its way",
        Link.DOMAIN,
        ("virt-handler is silent", "spec.nodeName=node1"),
    ),
    "out of memory": (
        case(vm("Manual"), vmi("Failed", ran=True), ended_pod(exitCode=137, reason="OOMKilled")),
        "launcher or guest crashed",
        Link.POD,
        ("OOMKilled", "virtctl -n n start a", "-c compute"),
    ),
    "killed": (
        case(vm(), vmi("Failed", ran=True), ended_pod(exitCode=137, reason="Error")),
        "launcher or guest crashed",
        Link.POD,
        ("killed by signal 9", "starts it again by itself"),
    ),
    "evicted": (
        case(vmi=vmi("Failed"), pod=pod("Failed", status={"reason": "Evicted", "message": "low on memory"})),
        "launcher or guest crashed",
        Link.POD,
        ("before its guest ran", "Evicted: low on memory"),
    ),
    "launcher crashed, pod gone": (
        case(
            vmi=vmi("Failed", ran=True),
            events=(
                told("VirtualMachineInstance", "LauncherFailed", "the launcher was killed by signal 9"),
                told("VirtualMachineInstance", "Stopped", "The VirtualMachineInstance crashed."),
            ),
        ),
        "launcher or guest crashed",
        Link.POD,
        ("killed by signal 9", "event LauncherFailed"),
    ),
    "fenced with its node": (
        case(
            vm("Manual"),
            vmi("Failed", {"reason": "NodeFenced", "nodeName": "node1"}, ran=True),
            pod("Running"),
            events=(told("VirtualMachineInstance", "NodeFenced", "Node node1 is lost, and its guests ended"),),
        ),
        "ended with its node",
        Link.NODE,
        ("has ended with its node node1", "and its guests ended", "event NodeFenced", "virtctl -n n start a"),
    ),
    "out of service, told long ago": (
        case(vm("Once"), vmi("Failed", {"reason": "NodeOutOfService"}, ran=True)),
        "ended with its node",
        Link.NODE,
        ("status.reason of the VMI", "which runs it once", "kubectl -n n delete vmi a"),
    ),
    "powered off": (case(vmi=vmi("Succeeded", ran=True)), "guest ended", Link.DOMAIN, ("was shut down",)),
    "node lost": (
        case(vm(), vmi("Running", RUNNING, ran=True), pod("Running"), node=node(ready="Unknown")),
        "node lost",
        Link.NODE,
        ("Kubelet stopped posting", "out-of-service", "last heartbeat of virt-handler 10m ago"),
    ),
    "node does not renew its lease": (
        case(
            vm(),
            vmi("Running", condition("NodeLost", "True", "LeaseSilent", "Its lease runs out soon")),
            pod("Running"),
            node=node(),
        ),
        "node lost",
        Link.NODE,
        ("Its lease runs out soon", "it starts elsewhere by itself", "NodeLost"),
    ),
    "agent of the node lost": (
        case(vmi=vmi("Running", RUNNING), pod=pod("Running"), node=node(labels={"kubevirt.io/schedulable": "false"})),
        "node lost",
        Link.NODE,
        ("virt-handler does not answer on node node1",),
    ),
    "deleted on a lost node": (
        case(vm(deletionTimestamp=AGO), vmi("Running", deletionTimestamp=AGO), pod(), node=node(ready="Unknown")),
        "deletion blocked",
        Link.NODE,
        ("cannot be deleted: its node is lost", "certainly off"),
    ),
    "shutting down": (
        case(
            vm(deletionTimestamp=AGO),
            with_spec(vmi("Running", deletionTimestamp=AGO), terminationGracePeriodSeconds=180),
            pod("Running", deletionTimestamp=AGO),
            events=(told("VirtualMachineInstance", "ShuttingDown", "Signaled Graceful Shutdown", warning=False),),
        ),
        "deletion blocked",
        Link.DOMAIN,
        ("1m of 180s have passed", "--force --grace-period=0"),
    ),
    "beyond its grace": (
        case(
            vmi=with_spec(vmi("Running", deletionTimestamp=AGO), terminationGracePeriodSeconds=0),
            pod=pod("Running", deletionTimestamp=AGO),
        ),
        "deletion blocked",
        Link.POD,
        ("longer than its 0 s of grace",),
    ),
    "held by another": (
        case(vm(deletionTimestamp=AGO, finalizers=[*FINALIZERS, "example.com/backup"])),
        "deletion blocked",
        Link.VM,
        ("example.com/backup, which is not podvirt's",),
    ),
    "its VMI held by another": (
        case(vm(deletionTimestamp=AGO), vmi("Succeeded", deletionTimestamp=AGO, finalizers=["example.com/net"])),
        "deletion blocked",
        Link.VMI,
        ("the VMI is held by the finalizer example.com/net",),
    ),
    "pod held by another": (
        case(
            vmi=vmi("Succeeded", deletionTimestamp=AGO),
            pod=pod("Succeeded", deletionTimestamp=AGO, finalizers=["example.com/pod"]),
        ),
        "deletion blocked",
        Link.POD,
        ("the Pod is held by the finalizer example.com/pod",),
    ),
    "not let go": (
        case(vm(deletionTimestamp=AGO)),
        "deletion blocked",
        Link.VM,
        ("waits to be let go by virt-controller, for 1m",),
    ),
    "evacuated": (
        case(vmi=leaving("LiveMigrate", condition("EvictionRequested", "True", "EvictionRequested", "marked"))),
        "leaves its node",
        Link.NODE,
        ("is to leave node node1, and waits for its migration", "marked", "evacuate-cancel vmi a", "vmi-name=a"),
    ),
    "evacuation fails": (
        case(
            vmi=leaving("LiveMigrate", {"migrationState": {"failureReason": "no route"}}),
            events=(told("VirtualMachineInstance", "MigrationBackoff", "backoff migrating vmi n/a"),),
        ),
        "leaves its node",
        Link.NODE,
        ("backoff migrating vmi n/a", "the last migration failed: no route"),
    ),
    "evacuated by others": (
        case(vmi=leaving("External", {})),
        "leaves its node",
        Link.NODE,
        ("waits for whoever moves it",),
    ),
    "eviction denied": (
        case(
            vmi=with_spec(vmi("Running", BRIDGED | {"nodeName": "node1"}), evictionStrategy="LiveMigrate"),
            events=(told("VirtualMachineInstance", "FailedEvict", "VMI a is configured so"),),
        ),
        "holds up a drain",
        Link.NODE,
        ("holds up the drain of node node1", "VMI a is configured so", "no masquerade", "virtctl -n n stop a"),
    ),
    "paused": (
        case(vmi=vmi("Running", condition("Paused", "True", "PausedByUser", "VMI was paused by user"))),
        "paused",
        Link.DOMAIN,
        ("virtctl -n n unpause vmi a",),
    ),
    "disk full": (
        case(
            vmi=vmi("Running", condition("Paused", "True", "PausedIOError", "low-level IO error")),
            events=(told("VirtualMachineInstance", "IOerror", "not enough space on volume: root"),),
        ),
        "paused",
        Link.DOMAIN,
        ("not enough space on volume: root", "resumed by itself"),
    ),
    "hung": (
        case(vmi=vmi("Running", condition("Synchronized", "Unknown", "LauncherSilent", "it does not answer"))),
        "launcher silent",
        Link.DOMAIN,
        ("it does not answer", "virtctl -n n restart a --force --grace-period=0"),
    ),
    "agent silent": (
        case(vmi=with_spec(vmi("Running"), readinessProbe={"guestAgentPing": {}})),
        "guest agent silent",
        Link.DOMAIN,
        ("readinessProbe.guestAgentPing need it", "qemu-guest-agent"),
    ),
    "keys not propagated": (
        case(
            vmi=with_spec(
                vmi("Running"), accessCredentials=[{"sshPublicKey": {"propagationMethod": {"qemuGuestAgent": {}}}}]
            )
        ),
        "guest agent silent",
        Link.DOMAIN,
        ("accessCredentials need it",),
    ),
    "probe fails": (
        case(
            vmi=with_spec(
                vmi("Running", condition("Ready", "False", "ContainersNotReady", "unready: [compute]")),
                readinessProbe={"tcpSocket": {"port": 80}},
            ),
            pod=pod("Running"),
            events=(told("Pod", "Unhealthy", "Readiness probe failed: dial tcp 10.0.0.9:80: refused"),),
        ),
        "not ready",
        Link.DOMAIN,
        ("its readiness probe (tcpSocket)", "dial tcp 10.0.0.9:80: refused"),
    ),
    "not ready": (
        case(vmi=vmi("Running", condition("Ready", "False", "PodTerminating", "is terminating")), pod=pod("Running")),
        "not ready",
        Link.POD,
        ("is terminating",),
    ),
    "restart needed": (
        case(
            vm("Always", condition("RestartRequired", "True", "", "a non-live-updatable field was changed")),
            vmi("Running", RUNNING, ran=True),
        ),
        "restart pending",
        Link.VM,
        ("a non-live-updatable field was changed", "virtctl -n n restart a"),
    ),
    "all is well": (case(vm(), vmi("Running", RUNNING, ran=True), pod("Running")), "", Link.VM, ("waits for nothing",)),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_first_cause(name: str) -> None:
    given_, row, link, words = TABLE[name]
    found = answer(given_)
    text = screen(given_, found)
    assert found.name == row, text
    if found.cause is not None:
        assert found.cause.at is link, text
        assert text.count("<-- here") == 1
        assert found.cause.do, text
    flat = " ".join(text.split())
    for word in words:
        assert word in flat, text


def test_every_row_is_tried() -> None:
    assert {name for name, _ in RULES} == {row for _, row, _, _ in TABLE.values() if row}


@pytest.mark.parametrize("name", TABLE)
def test_one_screen(name: str) -> None:
    given_ = TABLE[name][0]
    lines = screen(given_, answer(given_)).splitlines()
    assert len(lines) <= 24
    assert all(len(line) <= 110 or " " not in line.strip() for line in lines), lines


RECORDED = {
    ("03-not-starting", "after35s", "vm-badimg", Link.VM): ("image missing", Link.POD, ("localhost/nosuch:1",)),
    ("03-not-starting", "after35s", "vmi-badimg", Link.VMI): ("image missing", Link.POD, ("connection refused",)),
    ("03-not-starting", "after35s", "vm-unsched", Link.VM): ("unschedulable", Link.NODE, ("affinity/selector",)),
    ("03-not-starting", "after35s", "vm-toobig", Link.VM): ("unschedulable", Link.NODE, ("enough memory",)),
    ("03-not-starting", "after35s", "vm-nopvc", Link.VM): ("claim missing", Link.POD, ("the claim missing,",)),
    ("03-not-starting", "after35s", "vm-nodv", Link.VM): ("claim missing", Link.POD, ("does not exist",)),
    ("03-not-starting", "after35s", "vm-nosecret", Link.VM): ("volume not mounted", Link.POD, ('secret "missing"',)),
    ("06-killed", "vmis", "qemu", Link.VMI): ("launcher or guest crashed", Link.DOMAIN, ("crashed",)),
    ("06-killed", "vmis", "launcher", Link.VMI): ("launcher or guest crashed", Link.POD, ("exit code 255",)),
    ("06-killed", "vmis", "poddel", Link.VMI): ("guest ended", Link.DOMAIN, ("was shut down",)),
    ("06-killed", "end", "vmqemu", Link.VM): ("", Link.VM, ("an earlier guest of this name failed",)),
    ("01-vm-lifecycle", "paused", "a", Link.VM): ("paused", Link.DOMAIN, ("VMI was paused by user",)),
    ("01-vm-lifecycle", "agent", "a", Link.VM): ("", Link.VM, ("waits for nothing",)),
    ("01b-vm-lifecycle-noagent", "startpaused", "t", Link.VM): ("paused", Link.DOMAIN, ("unpause",)),
}


@needs_recordings
@pytest.mark.parametrize("what", RECORDED, ids=lambda what: "-".join(what[:3]))
def test_what_the_original_wrote_is_understood(what: tuple[str, str, str, Link]) -> None:
    row, link, words = RECORDED[what]
    seen = recorded(*what)
    found = answer(seen)
    text = screen(seen, found)
    assert found.name == row, text
    assert found.cause is None or found.cause.at is link, text
    flat = " ".join(text.split())
    for word in words:
        assert word in flat, text


def _pruned(draw: st.DrawFn, tree: Any) -> Any:
    """The tree without some of its branches."""
    if isinstance(tree, dict):
        return {key: _pruned(draw, value) for key, value in tree.items() if draw(st.integers(0, 9)) > 0}
    if isinstance(tree, list):
        return [_pruned(draw, value) for value in tree if draw(st.integers(0, 9)) > 0]
    return tree


@st.composite
def _fragments(draw: st.DrawFn) -> Case:
    """A case of the table with parts of its objects missing, and another's VM, VMI or pod in it."""
    names = st.sampled_from(sorted(TABLE))
    first, second, third = (TABLE[draw(names)][0] for _ in range(3))

    def part(obj: Seen | None, kind: type[Any]) -> Any:
        return kind(_pruned(draw, copy.deepcopy(obj.raw))) if obj is not None else None

    return case(
        part(first.vm, Vm),
        part(second.vmi, Vmi),
        part(third.pod, Pod),
        events=first.events,
        node=part(first.node, Seen),
        nodes=second.nodes,
        claims=third.claims,
    )


@settings(max_examples=150, deadline=None)
@given(_fragments())
def test_never_without_an_answer(fragments: Case) -> None:
    assert screen(fragments, answer(fragments)).startswith(("VirtualMachine n/a ", "VirtualMachineInstance n/a "))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (-5, "0s"), (59.9, "59s"), (130, "2m10s"), (3600, "1h"), (97200, "1d3h")]
)
def test_spans(seconds: float, text: str) -> None:
    assert lasted(seconds) == text


assert NOW == 1_800_000_000.0  # what AGO and SOON count from
