"""The launcher as the handler sees it, with a hypervisor of glass."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import DomainReport, DomainStats, Empty, HelloRequest, Reason, Status, SyncOptions, SyncRequest
from virt_launcher.adapters.bell import Bell
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.service import Identity, Launcher
from virt_launcher.adapters.supervisor import supervise
from virt_launcher.plan.life import Life, Stage

REQUEST = SyncRequest(vmi=b"{}", options=SyncOptions())
RUNNING = DomainReport(status=Status.RUNNING, reason=Reason.BOOTED)
CACHE = "a" * 64 + ".xml"


class Glass:
    """A hypervisor that does at once what it is told, and keeps a list."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.did: list[str] = []
        self.refusal = ""
        self.asked, self.counted = threading.Event(), threading.Event()
        self.counted.set()

    def create(self, xml: str, *, paused: bool) -> DomainReport:
        if self.refusal:
            raise LauncherRefused(self.refusal)
        self.did.append(f"create {xml}{' paused' if paused else ''}")
        self.launcher.changed(RUNNING)
        return RUNNING

    def end(self, reason: Reason) -> None:
        self.launcher.changed(DomainReport(status=Status.SHUTOFF, reason=reason))

    def kill(self) -> None:
        self.did.append("kill")
        self.end(Reason.DESTROYED)

    def shutdown(self) -> None:
        self.did.append("shutdown")
        self.end(Reason.SHUTDOWN)

    def pause(self) -> None:
        self.did.append("pause")

    def unpause(self) -> None:
        self.did.append("unpause")

    def reset(self) -> None:
        self.did.append("reset")

    def soft_reboot(self) -> None:
        self.did.append("soft_reboot")

    def stats(self) -> DomainStats:
        self.asked.set()
        self.counted.wait(10)
        return DomainStats(values={"cpu.time": 7})


@pytest.fixture
def root(tmp_path: Path) -> EmbedRoot:
    return EmbedRoot(str(tmp_path))


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def launcher(root: EmbedRoot, bell: Bell) -> Launcher:
    identity = Identity(name="a", namespace="ns", uid="u")
    return Launcher(identity, Life(started=0.0, domain_timeout=1e12, grace=45.0), root, bell.ring)


@pytest.fixture
def machine(launcher: Launcher) -> Glass:
    glass = Glass(launcher)
    launcher.equip(glass, lambda request: ("<xml/>", False))
    return glass


def test_sync_creates_one_domain_however_often_it_is_called(launcher: Launcher, machine: Glass) -> None:
    assert [launcher.sync(REQUEST).status for _ in range(3)] == [Status.RUNNING] * 3
    assert machine.did == ["create <xml/>"]


def test_no_second_domain_after_the_first_has_ended(launcher: Launcher, machine: Glass) -> None:
    launcher.sync(REQUEST)
    machine.end(Reason.CRASHED)
    assert launcher.sync(REQUEST).reason is Reason.CRASHED
    assert machine.did == ["create <xml/>"]


def test_a_refused_sync_is_reported_and_may_be_repeated(launcher: Launcher, machine: Glass) -> None:
    machine.refusal = "volume root: the image has no disk"
    with pytest.raises(LauncherRefused, match="has no disk"):
        launcher.sync(REQUEST)
    assert launcher.reports.report == DomainReport(error="volume root: the image has no disk")
    machine.refusal = ""
    assert launcher.sync(REQUEST) == RUNNING


def test_a_sync_waits_until_libvirt_is_open(launcher: Launcher) -> None:
    answers: list[DomainReport] = []
    thread = threading.Thread(target=lambda: answers.append(launcher.sync(REQUEST)))
    thread.start()
    launcher.equip(Glass(launcher), lambda request: ("<xml/>", False))
    thread.join(10)
    assert answers == [RUNNING]


def test_verbs_reach_the_running_guest_and_succeed_without_one(launcher: Launcher, machine: Glass) -> None:
    for verb in ("shutdown", "pause", "unpause", "reset", "soft_reboot"):
        getattr(launcher, verb)(Empty())
    assert machine.did == []
    launcher.sync(REQUEST)
    launcher.pause(Empty())
    launcher.shutdown(Empty())
    launcher.kill(Empty())
    assert machine.did == ["create <xml/>", "pause", "shutdown"]


def test_delete_is_refused_while_the_guest_runs(launcher: Launcher, machine: Glass) -> None:
    launcher.sync(REQUEST)
    with pytest.raises(LauncherRefused, match="the guest runs"):
        launcher.delete(Empty())
    machine.end(Reason.SHUTDOWN)
    launcher.delete(Empty())
    assert launcher.life.released


@pytest.mark.parametrize("verb", ["kill", "delete"])
def test_a_launcher_that_is_not_wanted_never_makes_a_domain(launcher: Launcher, machine: Glass, verb: str) -> None:
    getattr(launcher, verb)(Empty())
    with pytest.raises(LauncherRefused, match="being stopped"):
        launcher.sync(REQUEST)
    assert machine.did == []


def test_hello_takes_the_cache_only_before_the_domain(launcher: Launcher, machine: Glass, root: EmbedRoot) -> None:
    hello = HelloRequest(handler_version="1", capability_cache={CACHE: b"<qemuCaps/>"})
    assert launcher.hello(hello).capability_cache_used
    launcher.sync(REQUEST)
    assert not launcher.hello(hello).capability_cache_used
    assert launcher.capability_cache(Empty()).files == {}


def test_only_what_libvirt_learned_itself_is_returned(launcher: Launcher, machine: Glass, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "qemu" / "capabilities"
    cache.mkdir(parents=True)
    (cache / CACHE).write_bytes(b"<qemuCaps new=''/>")
    (cache / "notes.txt").write_bytes(b"no")
    assert launcher.capability_cache(Empty()).files == {}
    launcher.sync(REQUEST)
    assert launcher.capability_cache(Empty()).files == {CACHE: b"<qemuCaps new=''/>"}


def test_the_mark_of_a_stopped_pod_outlives_what_the_hypervisor_reports(launcher: Launcher, machine: Glass) -> None:
    launcher.sync(REQUEST)
    launcher.mark_for_graceful_shutdown()
    machine.end(Reason.SHUTDOWN)
    report = launcher.reports.report
    assert report.marked_for_graceful_shutdown and report.status is Status.SHUTOFF


def test_a_stopped_launcher_presses_the_button_and_ends_when_its_end_was_seen(
    launcher: Launcher, machine: Glass, bell: Bell
) -> None:
    launcher.sync(REQUEST)
    bell.stopped = True
    released = threading.Thread(target=_release_at_the_end, args=[launcher])
    released.start()
    assert supervise(launcher, bell) == 0
    released.join(10)
    assert machine.did == ["create <xml/>", "shutdown"]
    assert launcher.life.stage is Stage.ENDED


def _release_at_the_end(launcher: Launcher) -> None:
    for report in launcher.reports.read(object()):
        if report.status is Status.SHUTOFF:
            launcher.delete(Empty())
            return


def test_counters_are_those_of_a_running_guest(launcher: Launcher, machine: Glass) -> None:
    with pytest.raises(LauncherRefused, match="no guest runs"):
        launcher.stats(Empty())
    launcher.sync(REQUEST)
    assert launcher.stats(Empty()).values == {"cpu.time": 7}


def test_a_hung_count_takes_one_thread_and_no_more(launcher: Launcher, machine: Glass) -> None:
    launcher.sync(REQUEST)
    machine.counted.clear()
    thread = threading.Thread(target=launcher.stats, args=[Empty()])
    thread.start()
    machine.asked.wait(10)
    with pytest.raises(LauncherRefused, match="has not answered"):
        launcher.stats(Empty())
    machine.counted.set()
    thread.join(10)
    assert launcher.stats(Empty()).values == {"cpu.time": 7}
