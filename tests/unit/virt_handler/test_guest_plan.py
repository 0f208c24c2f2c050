"""The agent's table of situations: total, settling, and safe."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from virt_handler.adapters.guest import Guest
from virt_handler.plan import steps, sudden_end
from virt_handler.plan.domain import Domain, Panic
from virt_handler.plan.guest import plan
from virt_handler.plan.steps import Launcher, Network, Observed
from virt_model.phases import Phase

PHASES = ["Pending", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed"]
DOMAINS = [
    None, Domain(), Domain(status="running"), Domain(status="paused", reason="user"),
    Domain(status="paused", reason="ioerror"),
    Domain(status="running", marked_for_graceful_shutdown=True), Domain(status="shutdown"),
    Domain(status="shutoff", reason="shutdown"), Domain(status="shutoff", reason="destroyed"),
    Domain(status="shutoff", reason="crashed"), Domain(status="crashed", reason="panicked"), Domain(status="nostate"),
]  # fmt: skip


def vmi(phase: str, deleted: bool = False, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "a", "namespace": "ns", "uid": "u"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"domain": {}, **spec}, "status": {"phase": phase}}


POD: dict[str, Any] = {"metadata": {"name": "p"}}
CALM = Observed(
    vmi=vmi("Scheduled"), pod=POD, launcher=Launcher.CONNECTED, domain=Domain(status="running"), network=Network.READY,
    now=100.0, wall="2026-01-01T00:00:00Z",
)  # fmt: skip


def seen(**fields: Any) -> Observed:
    return msgspec.structs.replace(CALM, **fields)


def kinds(observed: Observed) -> list[str]:
    return [type(action).__name__ for action in plan(observed).actions]


def everything() -> list[Observed]:
    """Every combination of what matters."""
    return [
        seen(
            vmi=None if phase is None else vmi(phase, deleted), proven_gone=phase is None and deleted, pod=pod,
            launcher=launcher, domain=domain, network=network, killed=killed, dismissed=dismissed,
            problem="it broke" if network is Network.BROKEN else "",
        )
        for phase, deleted, pod, launcher, domain, network, killed, dismissed in itertools.product(
            [None, *PHASES], (False, True), (None, POD), Launcher, DOMAINS, Network, (False, True), (False, True)
        )
    ]  # fmt: skip


def test_every_situation_has_an_answer_and_safety_holds_in_all() -> None:
    for each in everything():
        actions = plan(each).actions
        for action in actions:
            if isinstance(action, steps.WriteStatus):
                assert each.vmi is not None
                assert Phase(each.vmi["status"]["phase"]).handed_over, "only then is the object ours"
            if isinstance(action, steps.Sync | steps.SetUpNetwork):
                assert each.vmi is not None and "deletionTimestamp" not in each.vmi["metadata"]
                assert not Phase(each.vmi["status"]["phase"]).final
                assert each.domain is not None and not each.domain.over, "one launcher, one domain life"
            if isinstance(action, steps.Resume):
                assert each.domain is not None and each.domain.stopped_by_io
            if isinstance(action, steps.Connect | steps.Dismiss | steps.Kill | steps.Signal):
                assert each.launcher in (Launcher.READY, Launcher.CONNECTED)
            if isinstance(action, steps.Kill | steps.Signal):
                assert each.domain is not None and each.domain.alive


def test_a_settled_guest_costs_nothing() -> None:
    (running, started) = plan(seen()).actions
    assert isinstance(running, steps.WriteStatus) and started == steps.Tell(
        "Normal", "Started", "VirtualMachineInstance started."
    )
    assert plan(seen(vmi={**vmi("Running"), "status": running.status}, now=10_000.0)) == steps.NOTHING


def test_from_socket_to_domain() -> None:
    early = {"vmi": vmi("Scheduling"), "domain": None, "network": Network.NONE}
    assert kinds(seen(**early, launcher=Launcher.UNSEEN)) == []
    assert kinds(seen(**early, launcher=Launcher.READY)) == ["Connect"]
    assert kinds(seen(**early)) == []
    assert kinds(seen(**{**early, "domain": Domain()})) == ["SetUpNetwork"]
    assert kinds(seen(vmi=vmi("Scheduling"), domain=Domain())) == ["Sync", "Tell"]
    assert kinds(seen(vmi=vmi("Scheduling"))) == []


def test_shutdown_is_repeated_until_grace_is_over_and_then_forced() -> None:
    going = vmi("Running", deleted=True, terminationGracePeriodSeconds=12)
    first = plan(seen(vmi=going))
    assert kinds(seen(vmi=going)) == ["Signal", "Tell"] and first.again_in == 5.0
    again = {"vmi": going, "stopping_since": 100.0, "signalled_at": 100.0}
    assert plan(seen(**again, now=103.0)) == steps.Plan((), 2.0)
    assert kinds(seen(**again, now=105.0)) == ["Signal"]
    assert plan(seen(**{**again, "signalled_at": 110.0}, now=110.5)).again_in == pytest.approx(1.5)
    assert kinds(seen(**again, now=112.0)) == ["Tell", "Kill"]
    assert kinds(seen(**again, now=112.0, killed=True)) == []


@pytest.mark.parametrize(
    "spec", [{"terminationGracePeriodSeconds": 0}, {"domain": {"features": {"acpi": {"enabled": False}}}}]
)
def test_no_grace_or_no_acpi_is_killed_at_once(spec: dict[str, Any]) -> None:
    assert kinds(seen(vmi=vmi("Running", deleted=True, **spec))) == ["Tell", "Kill"]


def ended_as(domain: Domain | None, launcher: Launcher = Launcher.CONNECTED, **spec: Any) -> str:
    (written, *_) = plan(seen(vmi=vmi("Running", **spec), domain=domain, launcher=launcher)).actions
    assert isinstance(written, steps.WriteStatus)
    return str(written.status["phase"])


def test_how_a_guest_ends() -> None:
    off = Domain(status="shutoff", reason="shutdown")
    assert ended_as(off) == ended_as(off, Launcher.DEAD) == "Succeeded"
    killed = Domain(status="shutoff", reason="destroyed")
    assert ended_as(killed) == "Failed" and ended_as(killed, terminationGracePeriodSeconds=0) == "Succeeded"
    assert ended_as(Domain(status="shutoff", reason="crashed")) == "Failed"
    assert ended_as(Domain(status="running"), Launcher.DEAD) == ended_as(None, Launcher.DEAD) == "Failed"


def test_a_panic_is_counted_and_told_once_its_end_is_recorded() -> None:
    blue = Panic(kind="hyper-v", arguments=("0x7e", "0x1", "0x0", "0x0", "0x0"))
    ended = Domain(status="shutoff", reason="crashed", panic=blue)
    _, *told = plan(seen(vmi=vmi("Running"), domain=ended)).actions
    assert steps.CountPanic(kind="hyper-v", code="0x7e") in told
    assert steps.Tell("Warning", "GuestPanicked", "GuestPanicked: '0x7e', '0x1', '0x0', '0x0', '0x0'") in told
    assert "CountPanic" not in kinds(seen(vmi=vmi("Failed"), domain=ended))


def test_what_a_launcher_says_of_a_panic_makes_few_series() -> None:
    assert Panic().labels == ("unknown", "unknown") and Panic().message == "GuestPanicked"
    assert Panic(kind="siren", arguments=("0x7e; drop",)).labels == ("unknown", "unknown")
    assert Panic(kind="tdx").labels == ("tdx", "unknown") and Panic(kind="tdx").message == "GuestPanicked: type=tdx"


def test_the_kubelet_has_a_moment_to_say_how_a_launcher_died() -> None:
    states = [{"name": "compute", "state": {"terminated": {"exitCode": 137}}}]
    ended = {**POD, "status": {**POD.get("status", {}), "containerStatuses": states}}
    dead = {"vmi": vmi("Running"), "launcher": Launcher.DEAD, "dead_since": CALM.now - 1.0}
    assert plan(seen(**dead)) == steps.Plan(again_in=2.0)
    _, heard, _ = plan(seen(**dead, pod=ended)).actions
    assert heard == steps.Tell("Warning", "LauncherFailed", "the launcher was killed by signal 9")
    for late in ({"dead_since": CALM.now - 3.0}, {"pod": None}):
        _, silent, _ = plan(seen(**(dead | late))).actions
        assert silent == steps.Tell("Warning", "LauncherFailed", sudden_end.cause(None))
    over = Domain(status="shutoff", reason="shutdown")
    assert kinds(seen(**dead, domain=over)) == ["WriteStatus", "Tell"], "its end was reported: nothing to wait for"


def test_a_final_vmi_with_a_live_guest_is_killed_then_dismissed_then_forgotten() -> None:
    final = {"vmi": vmi("Failed")}
    assert kinds(seen(**final)) == ["Tell", "Kill"]
    over = {**final, "killed": True, "domain": Domain(status="shutoff", reason="destroyed")}
    assert kinds(seen(**over)) == ["Dismiss"]
    assert kinds(seen(**over, dismissed=True)) == []
    assert kinds(seen(**over, dismissed=True, launcher=Launcher.DEAD)) == ["Forget"]


def test_a_guest_that_a_disk_stopped_is_resumed_later_and_later() -> None:
    stopped = Domain(status="paused", reason="ioerror", paused_on_volume="root")
    (written, _) = plan(seen()).actions
    assert isinstance(written, steps.WriteStatus)
    running = {"vmi": {**vmi("Running"), "status": written.status}, "domain": stopped}
    told, resume = plan(seen(**running)).actions
    assert told == steps.Tell("Warning", "IOerror", "VM Paused due to IO error at the volume: root")
    assert resume == steps.Resume()
    waiting = plan(seen(**running, resume_at=107.0))
    assert [type(each).__name__ for each in waiting.actions] == ["WriteStatus"] and waiting.again_in == 7.0
    paused = msgspec.structs.replace(stopped, held=True)
    (written,) = plan(seen(**{**running, "domain": paused})).actions
    assert isinstance(written, steps.WriteStatus), "its user has paused it meanwhile: it is not resumed"
    clock = Guest("u")
    clock.resumed(1000.0)
    first, _ = clock.resume_at - 1000.0, clock.resumed(1005.0)
    assert (first, clock.resume_at - 1005.0) == (5.0, 10.0)
    clock.resumed(2000.0)
    assert clock.resume_at == 2005.0


def _synchronized(written: steps.Action) -> list[tuple[str, str]]:
    assert isinstance(written, steps.WriteStatus)
    listed = written.status["conditions"]
    return [(each["status"], each["reason"]) for each in listed if each["type"] == "Synchronized"]


@pytest.mark.parametrize("launcher", [Launcher.CONNECTED, Launcher.READY])
def test_a_launcher_that_does_not_answer_is_told_once_and_taken_back(launcher: Launcher) -> None:
    (written, _) = plan(seen()).actions
    assert isinstance(written, steps.WriteStatus)
    running = {"vmi": {**vmi("Running"), "status": written.status}, "launcher": launcher}
    calm = plan(seen(**running, unanswered_since=85.0))
    written, told = plan(seen(**running, unanswered_since=75.0)).actions
    assert _synchronized(written) == [("Unknown", "LauncherSilent")]
    assert isinstance(told, steps.Tell) and told.reason == "LauncherSilent"
    assert isinstance(written, steps.WriteStatus) and written.status["phase"] == "Running"
    unheard = {**running, "vmi": {**vmi("Running"), "status": written.status}}
    assert plan(seen(**unheard, unanswered_since=70.0)) == calm
    answered = plan(seen(**{**unheard, "launcher": Launcher.CONNECTED})).actions
    assert [_synchronized(each) for each in answered] == [[]]


def test_a_network_that_cannot_be_fails_the_vmi_with_its_reason() -> None:
    broken = {"network": Network.BROKEN, "problem": "the pod has no NIC eth0", "domain": Domain()}
    taken = plan(seen(**broken)).actions[0]
    assert isinstance(taken, steps.WriteStatus) and taken.status["phase"] == "Scheduled"
    failed, told = plan(seen(**broken, vmi={**vmi("Scheduled"), "status": taken.status})).actions
    assert isinstance(failed, steps.WriteStatus) and failed.status["phase"] == "Failed"
    assert told == steps.Tell("Warning", "SyncFailed", "the pod has no NIC eth0")
