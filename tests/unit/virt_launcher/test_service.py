"""The launcher as the handler sees it, with a hypervisor of glass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from api.access import AccessCredential
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import (
    DomainReport,
    DomainStats,
    Empty,
    HelloRequest,
    Reason,
    ReceiveRequest,
    Status,
    SyncOptions,
    SyncRequest,
)
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage, TakeOverRequest
from virt_launcher.adapters.bell import Bell
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.machine import Built, Identity
from virt_launcher.adapters.service import Launcher
from virt_launcher.adapters.supervisor import supervise
from virt_launcher.adapters.watchdog import Watchdog
from virt_launcher.plan.life import Arrival, Life, Stage

REQUEST = SyncRequest(vmi=b"{}", options=SyncOptions())
RUNNING = DomainReport(status=Status.RUNNING, reason=Reason.BOOTED)
CREDENTIALS = (AccessCredential(),)
CACHE = "a" * 64 + ".xml"


class Hallway:
    """A Receiver without a libvirtd."""

    state_dir = "/nowhere"

    def __init__(self, did: list[str], tell: Callable[[MigrationStage, str], None]) -> None:
        self.did, self.tell, self.is_open = did, tell, False
        self.whole_at_once = False

    def open(self) -> None:
        self.is_open = True

    def resume(self) -> None:
        self.did.append("resume")

    def run_ahead(self) -> None:
        self.did.append("run ahead")
        if self.whole_at_once:
            self.tell(MigrationStage.RECEIVED, "")

    def press(self) -> None:
        self.did.append("press")

    def destroy(self) -> None:
        self.did.append("destroy")
        self.tell(MigrationStage.FAILED, "the guest that was arriving has ended")

    def close(self) -> None:
        self.is_open = False


class Leaving:
    """A Departure without a way."""

    def __init__(self, uid: str, tell: Callable[[MigrationReport], None]) -> None:
        self.uid, self._tell, self.over, self.aborted, self.forced = uid, tell, False, False, False
        tell(MigrationReport(stage=MigrationStage.SENDING, migration_uid=uid))

    def abort(self) -> None:
        self.aborted = True

    def complete(self) -> None:
        self.forced = True

    def end(self, stage: MigrationStage) -> None:
        self.over = True
        self._tell(MigrationReport(stage=stage, migration_uid=self.uid))


class Glass:
    """A hypervisor that does at once what it is told, and keeps a list."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.did: list[str] = []
        self.refusal = ""
        self.let_in_times = 0
        self.asked, self.counted = threading.Event(), threading.Event()
        self.counted.set()

    def create(self, xml: str, *, paused: bool) -> DomainReport:
        if self.refusal:
            raise LauncherRefused(self.refusal)
        self.did.append(f"create {xml}{' paused' if paused else ''}")
        self.launcher.changed(RUNNING)
        return RUNNING

    def receive(self, tell: Callable[[MigrationStage, str], None]) -> Hallway:
        self.hallway = Hallway(self.did, tell)
        return self.hallway

    def adopt(self, name: str, *, paused: bool) -> DomainReport:
        self.did.append(f"adopt {name}{' paused' if paused else ''}")
        self.launcher.changed(RUNNING)
        return RUNNING

    def depart(self, request: MigrateRequest, tell: Callable[[MigrationReport], None]) -> Leaving:
        self.did.append(f"depart {request.migration_uid}")
        self.leaving = Leaving(request.migration_uid, tell)
        return self.leaving

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

    def let_in(self, credentials: Sequence[AccessCredential]) -> None:
        assert credentials == CREDENTIALS
        self.let_in_times += 1

    def stats(self) -> DomainStats:
        self.asked.set()
        self.counted.wait(10)
        return DomainStats(values={"cpu.time": 7})

    def answer(self) -> None:
        self.stats()

    def agent(self) -> Glass:
        return self

    def unfreeze_after(self, seconds: float) -> None:
        self.did.append(f"unfreeze after {seconds:g}")


@pytest.fixture
def root(tmp_path: Path) -> EmbedRoot:
    return EmbedRoot(str(tmp_path))


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def launcher(root: EmbedRoot, bell: Bell) -> Launcher:
    identity = Identity(name="a", namespace="ns", uid="u")
    return Launcher(identity, Life(started=0.0, domain_timeout=1e12, grace=45.0), root, bell.ring, Watchdog(("false",)))


@pytest.fixture
def machine(launcher: Launcher) -> Glass:
    glass = Glass(launcher)
    launcher.equip(glass, lambda request: Built(xml="<xml/>", credentials=CREDENTIALS), glass.receive)
    return glass


def test_sync_creates_one_domain_however_often_it_is_called(launcher: Launcher, machine: Glass) -> None:
    assert [launcher.sync(REQUEST).status for _ in range(3)] == [Status.RUNNING] * 3
    assert machine.did == ["create <xml/>"]
    assert machine.let_in_times == 1


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
    glass = Glass(launcher)
    launcher.equip(glass, lambda request: Built(xml="<xml/>", credentials=CREDENTIALS), glass.receive)
    thread.join(10)
    assert answers == [RUNNING]


def test_verbs_reach_the_running_guest_and_who_asks_without_one_is_told(launcher: Launcher, machine: Glass) -> None:
    launcher.shutdown(Empty())
    for verb in ("pause", "unpause", "reset", "soft_reboot"):
        with pytest.raises(LauncherRefused, match="no guest runs"):
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


def test_a_hung_question_takes_one_thread_shows_in_a_ping_and_keeps_nobody_from_killing(
    launcher: Launcher, machine: Glass
) -> None:
    launcher.sync(REQUEST)
    machine.counted.clear()
    thread = threading.Thread(target=launcher.stats, args=[Empty()])
    thread.start()
    machine.asked.wait(10)
    for ask in (launcher.stats, launcher.ping):
        with pytest.raises(LauncherRefused, match="has not answered"):
            ask(Empty())
    machine.counted.set()
    thread.join(10)
    launcher.ping(Empty())
    assert launcher.stats(Empty()).values == {"cpu.time": 7}


def test_a_hung_action_takes_one_thread_and_the_guest_can_still_be_killed(
    launcher: Launcher, machine: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.sync(REQUEST)
    machine.counted.clear()
    monkeypatch.setattr(machine, "pause", machine.stats)
    thread = threading.Thread(target=launcher.pause, args=[Empty()])
    thread.start()
    machine.asked.wait(10)
    with pytest.raises(LauncherRefused, match="has not answered"):
        launcher.reset(Empty())
    launcher.kill(Empty())
    assert "kill" in machine.did and "reset" not in machine.did
    machine.counted.set()
    thread.join(10)


ARRIVING = ReceiveRequest(vmi=b"{}", options=SyncOptions(), migration_uid="m")


def stage(launcher: Launcher) -> MigrationStage:
    migration = launcher.reports.report.migration
    assert migration is not None
    return migration.stage


def test_a_guest_arrives_stands_still_and_is_taken_over_once(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    launcher.receive(ARRIVING)
    assert stage(launcher) is MigrationStage.WAITING and machine.hallway.is_open
    with pytest.raises(LauncherRefused, match="no guest was received"):
        launcher.take_over(TakeOverRequest())
    machine.hallway.tell(MigrationStage.ARRIVING, "")
    machine.hallway.tell(MigrationStage.RECEIVED, "")
    assert launcher.life.arrival is Arrival.COMPLETE and machine.did == []
    assert launcher.take_over(TakeOverRequest()).status is Status.RUNNING
    launcher.take_over(TakeOverRequest())
    assert machine.did == ["resume", "adopt ns_a", "unpause"] and not machine.hallway.is_open
    assert machine.let_in_times == 1
    assert stage(launcher) is MigrationStage.TAKEN and launcher.life.stage is Stage.ALIVE


def test_a_guest_that_was_frozen_for_a_time_is_unfrozen_here(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    machine.hallway.tell(MigrationStage.RECEIVED, "")
    launcher.take_over(TakeOverRequest(unfreeze_after=7.0))
    assert machine.did[-1] == "unfreeze after 7"


@pytest.mark.parametrize("whole_at_once", [False, True])
def test_a_switched_guest_runs_first_and_is_taken_over_when_it_is_whole(
    launcher: Launcher, machine: Glass, whole_at_once: bool
) -> None:
    launcher.receive(ARRIVING)
    machine.hallway.whole_at_once = whole_at_once
    machine.hallway.tell(MigrationStage.ARRIVING, "")
    machine.hallway.tell(MigrationStage.SWITCHED, "")
    launcher.shutdown(Empty())
    launcher.take_over(TakeOverRequest(paused=True))
    assert machine.did == [], "it does not run yet"
    launcher.take_over(TakeOverRequest())
    if not whole_at_once:
        assert stage(launcher) is MigrationStage.FETCHING and launcher.life.stage is Stage.AWAITED
        launcher.take_over(TakeOverRequest())
        launcher.shutdown(Empty())
        assert machine.did.pop() == "press"
        machine.hallway.tell(MigrationStage.RECEIVED, "")
    machine.hallway.tell(MigrationStage.SWITCHED, "")  # old news
    assert stage(launcher) is MigrationStage.RECEIVED and machine.did == ["run ahead"]
    launcher.take_over(TakeOverRequest())
    assert machine.did == ["run ahead", "resume", "adopt ns_a", "unpause"] and machine.let_in_times == 1
    assert stage(launcher) is MigrationStage.TAKEN


def test_a_guest_that_its_user_paused_stays_paused(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    machine.hallway.tell(MigrationStage.RECEIVED, "")
    launcher.take_over(TakeOverRequest(paused=True))
    assert machine.did == ["adopt ns_a paused"]


def test_a_launcher_that_waits_for_a_guest_starts_none(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    with pytest.raises(LauncherRefused, match="comes from another node"):
        launcher.sync(REQUEST)
    assert machine.did == []


def test_an_arrival_that_breaks_off_is_reported_and_can_be_dismissed(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    machine.hallway.tell(MigrationStage.ARRIVING, "")
    assert launcher.life.arrival == Arrival.UNDER_WAY
    machine.hallway.tell(MigrationStage.FAILED, "the guest that was arriving has ended")
    assert stage(launcher) is MigrationStage.FAILED and not launcher.life.arrival.value.startswith("under")
    with pytest.raises(LauncherRefused, match="has ended"):
        launcher.take_over(TakeOverRequest())
    launcher.delete(Empty())
    assert launcher.life.released


def test_an_abort_ends_what_arrives_but_not_what_has_arrived(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    machine.hallway.tell(MigrationStage.RECEIVED, "")
    launcher.abort_migration(Empty())
    assert stage(launcher) is MigrationStage.RECEIVED and machine.did == []


def test_an_abort_while_it_arrives(launcher: Launcher, machine: Glass) -> None:
    launcher.receive(ARRIVING)
    launcher.abort_migration(Empty())
    migration = launcher.reports.report.migration
    assert migration is not None and migration.aborted and migration.error == "Live migration has been aborted"
    assert machine.did == ["destroy"] and not machine.hallway.is_open


def test_one_departure_at_a_time_and_none_twice(launcher: Launcher, machine: Glass) -> None:
    with pytest.raises(LauncherRefused, match="no guest runs"):
        launcher.migrate(MigrateRequest(migration_uid="m", libvirt_port=1))
    launcher.sync(REQUEST)
    launcher.migrate(MigrateRequest(migration_uid="m", libvirt_port=1))
    launcher.migrate(MigrateRequest(migration_uid="m", libvirt_port=1))
    with pytest.raises(LauncherRefused, match="under way"):
        launcher.migrate(MigrateRequest(migration_uid="n", libvirt_port=1))
    launcher.complete_migration(Empty())
    assert machine.leaving.forced and not machine.leaving.aborted
    launcher.abort_migration(Empty())
    assert machine.leaving.aborted
    machine.leaving.end(MigrationStage.FAILED)
    launcher.migrate(MigrateRequest(migration_uid="n", libvirt_port=1))
    assert machine.did[1:] == ["depart m", "depart n"]
    machine.leaving.end(MigrationStage.SENT)
    machine.end(Reason.MIGRATED)
    assert stage(launcher) is MigrationStage.SENT and launcher.life.stage is Stage.ENDED
