"""Client and server talk over a real socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from virt_ipc import wire
from virt_ipc.client import LauncherClient
from virt_ipc.errors import LauncherRefused, LauncherUnreachable, ProtocolError, SyncError
from virt_ipc.messages import (
    CapabilityCache,
    DomainReport,
    Empty,
    HelloReply,
    HelloRequest,
    InterfaceAttachment,
    Reason,
    ReceiveRequest,
    Status,
    SyncOptions,
    SyncRequest,
)
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage, TakeOverRequest
from virt_ipc.server import Newest, serve

CACHE_NAME = "a" * 64 + ".xml"


class Recorder:
    """A LauncherService that keeps what it was asked and refuses on demand."""

    def __init__(self, reports: Newest) -> None:
        self.reports = reports
        self.calls: list[str] = []
        self.requests: list[SyncRequest] = []
        self.refusal = ""
        self.cache: dict[str, bytes] = {}

    def hello(self, request: HelloRequest) -> HelloReply:
        self.cache = request.capability_cache
        return HelloReply(version="1", name="a", namespace="ns", uid="u", capability_cache_used=bool(self.cache))

    def sync(self, request: SyncRequest) -> DomainReport:
        if self.refusal:
            raise SyncError(self.refusal)
        self.requests.append(request)
        self.reports.publish(DomainReport(status=Status.RUNNING, reason=Reason.BOOTED))
        return self.reports.report

    def capability_cache(self, request: Empty) -> CapabilityCache:
        return CapabilityCache(files=self.cache)

    def receive(self, request: ReceiveRequest) -> Empty:
        self._arrived(request.migration_uid, MigrationStage.WAITING)
        return Empty()

    def migrate(self, request: MigrateRequest) -> Empty:
        self._arrived(request.migration_uid, MigrationStage.SENDING)
        return Empty()

    def take_over(self, request: TakeOverRequest) -> DomainReport:
        self._arrived("", MigrationStage.TAKEN)
        return self.reports.report

    def _arrived(self, uid: str, stage: MigrationStage) -> None:
        self.reports.publish(
            DomainReport(migration=MigrationReport(stage=stage, migration_uid=uid, data_total=1 << 40))
        )

    def __getattr__(self, verb: str):  # type: ignore[no-untyped-def]
        def act(request: Empty) -> Empty:
            if self.refusal:
                raise LauncherRefused(self.refusal)
            self.calls.append(verb)
            return Empty()

        return act


@pytest.fixture
def reports() -> Newest:
    return Newest(DomainReport())


@pytest.fixture
async def pair(tmp_path: Path, reports: Newest) -> AsyncIterator[tuple[LauncherClient, Recorder]]:
    service = Recorder(reports)
    server = serve(service, reports, str(tmp_path))
    async with LauncherClient.connect(str(tmp_path / "launcher-sock")) as client:
        yield client, service
    server.stop(5)


async def test_the_socket_appears_under_its_final_name_only_when_it_answers(tmp_path: Path, reports: Newest) -> None:
    server = serve(Recorder(reports), reports, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["launcher-sock"]
    server.stop(5)


async def test_sync_carries_the_vmi_and_the_options_unchanged(pair: tuple[LauncherClient, Recorder]) -> None:
    client, service = pair
    nic = InterfaceAttachment(name="default", tap="tap0", mac="02:00:00:00:00:01", mtu=1450)
    request = SyncRequest(vmi=b'{"kind":"x"}', options=SyncOptions(allow_emulation=True, interfaces=[nic]))
    report = await client.sync(request)
    assert service.requests == [request]
    assert report == DomainReport(status=Status.RUNNING, reason=Reason.BOOTED)


async def test_a_refused_sync_keeps_its_sentence(pair: tuple[LauncherClient, Recorder]) -> None:
    client, service = pair
    service.refusal = "no disk in the image: put one file under /disk"
    with pytest.raises(SyncError, match="put one file under /disk"):
        await client.sync(SyncRequest(vmi=b"{}", options=SyncOptions()))
    with pytest.raises(LauncherRefused, match="put one file"):
        await client.pause()


async def test_every_verb_reaches_its_method(pair: tuple[LauncherClient, Recorder]) -> None:
    client, service = pair
    verbs = ["shutdown", "kill", "delete", "pause", "unpause", "reset", "soft_reboot", "ping"]
    for verb in verbs:
        await getattr(client, verb)()
    assert service.calls == verbs


async def test_capability_cache_goes_there_and_back(pair: tuple[LauncherClient, Recorder]) -> None:
    client, _ = pair
    reply = await client.hello(HelloRequest(handler_version="1", capability_cache={CACHE_NAME: b"<qemuCaps/>"}))
    assert reply.capability_cache_used
    assert await client.capability_cache() == {CACHE_NAME: b"<qemuCaps/>"}


@pytest.mark.parametrize(
    "files",
    [{"../../etc/qemu.conf": b""}, {CACHE_NAME: bytes(wire.MAX_CACHE_BYTES + 1)}],
    ids=["a name that leaves the directory", "too many bytes"],
)
async def test_a_bad_capability_cache_is_not_accepted(
    pair: tuple[LauncherClient, Recorder], files: dict[str, bytes]
) -> None:
    client, service = pair
    with pytest.raises(ProtocolError):
        await client.hello(HelloRequest(handler_version="1", capability_cache=files))
    service.cache = files
    with pytest.raises(ProtocolError):
        await client.capability_cache()


async def test_an_answer_over_the_limit_is_an_error_not_a_crash(pair: tuple[LauncherClient, Recorder]) -> None:
    client, service = pair
    service.cache = {CACHE_NAME: bytes(wire.MAX_MESSAGE + 1)}
    with pytest.raises(ProtocolError):
        await client.capability_cache()
    await client.ping()


async def test_nobody_on_the_socket(tmp_path: Path) -> None:
    async with LauncherClient.connect(str(tmp_path / "launcher-sock")) as client:
        with pytest.raises(LauncherUnreachable):
            await client.ping()
        with pytest.raises(LauncherUnreachable):
            await anext(client.events())


async def test_events_begin_with_the_present_and_follow(pair: tuple[LauncherClient, Recorder], reports: Newest) -> None:
    client, _ = pair
    events = client.events()
    assert (await anext(events)).status is Status.ABSENT
    reports.publish(DomainReport(status=Status.RUNNING))
    assert (await anext(events)).status is Status.RUNNING
    await events.aclose()


async def test_a_new_handler_takes_over_while_old_streams_end(
    pair: tuple[LauncherClient, Recorder], reports: Newest
) -> None:
    client, _ = pair
    streams = [client.events() for _ in range(8)]
    for stream in streams:
        assert (await asyncio.wait_for(anext(stream), 10)).status is Status.ABSENT
    reports.publish(DomainReport(status=Status.RUNNING))
    assert (await asyncio.wait_for(anext(streams[-1]), 10)).status is Status.RUNNING
    with pytest.raises(LauncherUnreachable):
        await asyncio.wait_for(anext(streams[0]), 10)
    await asyncio.wait_for(client.ping(), 10)


def test_a_slow_reader_sees_only_the_newest_report(reports: Newest) -> None:
    reader = object()
    stream = reports.read(reader)
    assert next(stream).status is Status.ABSENT
    for status in (Status.RUNNING, Status.PAUSED, Status.SHUTOFF):
        reports.publish(DomainReport(status=status))
    assert next(stream).status is Status.SHUTOFF
    threading.Timer(0.01, reports.release, [reader]).start()
    assert list(stream) == []


async def test_a_migration_is_told_to_either_side_and_seen_in_the_report(pair: tuple[LauncherClient, Recorder]) -> None:
    client, service = pair
    await client.receive(ReceiveRequest(vmi=b"{}", options=SyncOptions(), migration_uid="m-1"))
    assert service.reports.report.migration == MigrationReport(
        stage=MigrationStage.WAITING, migration_uid="m-1", data_total=1 << 40
    )
    await client.migrate(MigrateRequest(migration_uid="m-2", libvirt_port=40000))
    report = await anext(client.events())
    assert report.migration is not None and report.migration.stage is MigrationStage.SENDING
    await client.abort_migration()
    assert service.calls == ["abort_migration"]
    taken = await client.take_over(TakeOverRequest(paused=True))
    assert taken.migration is not None and taken.migration.stage is MigrationStage.TAKEN


async def test_a_port_that_is_none_does_not_decode(pair: tuple[LauncherClient, Recorder]) -> None:
    client, _ = pair
    with pytest.raises(ProtocolError):
        await client.migrate(MigrateRequest(migration_uid="m", libvirt_port=0))
