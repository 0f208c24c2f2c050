"""The target of a migration, before and after the guest is its own. Pure.

before the hand-over (AWAITED)                what is done
────────────────────────────────────────────  ─────────────────────────────────────────────────────────────
it is called off                              –
no connection                                 connect, once there is a socket
the launcher answers                          say so: virt-controller need not wait until the kubelet knows
something does not work                       –  (once handed over, this is said)
network, watchdog, launcher not ready         these, in this order

before (TARGET)
────────────────────────────────────────────  ─────────────────────────────────────────────────────────────
no connection                                 connect, once there is a socket
launcher dead or something else does not      say that the migration failed; once it has begun, the source does
work, nothing begun
network, watchdog, launcher, way not ready    these, in this order; then say where we listen
the guest arrives, is switched, has arrived   say so; it stands still

after (TAKING)
────────────────────────────────────────────
it is switched: post-copy                     let it run, unless its user had paused it: then all of it may come first
it runs and fetches its memory                say where it runs; if it is to end: None, like any guest
it has arrived                                let it run; it is the launcher's from then on
it runs                                       node, addresses and end stamp; in the next write, that it is over
it is not there                               None: like any guest whose launcher has failed
"""

from __future__ import annotations

from virt_handler.plan import guard, migration_status, status
from virt_handler.plan.domain import Stage
from virt_handler.plan.migration_role import Move, move_of
from virt_handler.plan.pod import compute_image
from virt_handler.plan.steps import (
    NOTHING,
    Announce,
    Connect,
    Forget,
    Launcher,
    Network,
    Observed,
    OpenRelay,
    Plan,
    Receive,
    SetUpNetwork,
    TakeOver,
    Tell,
    WriteStatus,
)
from virt_model import conditions, labels
from virt_model.conditions import Type


def prepare(seen: Observed) -> Plan:
    """What can be done for a guest that is to come before virt-controller hands the migration over."""
    assert seen.vmi is not None and seen.pod is not None
    if seen.must_stop:
        return NOTHING
    if seen.launcher is not Launcher.CONNECTED or seen.domain is None:
        return Plan((Connect(),)) if seen.launcher is Launcher.READY else NOTHING
    job: str = seen.pod["metadata"]["labels"][labels.MIGRATION_JOB_UID]
    if (seen.vmi["metadata"].get("annotations") or {}).get(labels.TARGET_ANSWERS) != job:
        return Plan((Announce(job),))
    if seen.problem or seen.network is Network.BROKEN:
        return NOTHING
    return _make_ready(seen, job) or NOTHING


def _make_ready(seen: Observed, job: str) -> Plan | None:
    """None when the launcher waits for its guest."""
    assert seen.domain is not None
    if seen.network is Network.NONE:
        return Plan((SetUpNetwork(),))
    if seen.domain.migration is None:
        return guard.before_it_comes(seen) or Plan((Receive(job),))
    return None


def plan(seen: Observed) -> Plan:
    """The next step towards a guest that is to come."""
    assert seen.vmi is not None
    move = move_of(seen.vmi)
    assert move is not None
    if seen.launcher is Launcher.DEAD:
        return Plan((Forget(),)) if move.started else _failed(seen, move, "Target pod is down")
    if seen.launcher is not Launcher.CONNECTED or seen.domain is None:
        return Plan((Connect(),)) if seen.launcher is Launcher.READY else NOTHING
    report = seen.domain.migration
    if report is not None and report.migration_uid == move.uid and report.stage is not Stage.WAITING:
        return _arriving(seen, move, report.stage)
    if move.started:
        return NOTHING
    if seen.problem or seen.network is Network.BROKEN:
        return _failed(seen, move, seen.problem)
    if (unready := _make_ready(seen, move.uid)) is not None:
        return unready
    if seen.relay is None or seen.relay.migration_uid != move.uid:
        return Plan((OpenRelay(),))
    return _listening(seen, move)


def _listening(seen: Observed, move: Move) -> Plan:
    assert seen.vmi is not None and seen.relay is not None
    address, port = seen.relay.address, seen.relay.port
    if (move.address, move.port) == (address, port):
        return NOTHING
    prepared = Tell("Normal", "PreparingTarget", "VirtualMachineInstance Migration Target Prepared.")
    where = Tell("Normal", "PreparingTarget", f"Migration Target is listening at {address}, on ports: {port}")
    return Plan((WriteStatus(migration_status.listening(seen.vmi, address, port)), prepared, where))


def _arriving(seen: Observed, move: Move, stage: Stage) -> Plan:
    assert seen.vmi is not None
    if stage is Stage.RECEIVED and not move.received:
        return Plan((WriteStatus(migration_status.received(seen.vmi, seen.wall)),))
    if stage in (Stage.ARRIVING, Stage.SWITCHED) and not move.detected:
        return Plan((WriteStatus(migration_status.detected(seen.vmi)),))
    return NOTHING  # what failed here is told by the source, which decides


def _failed(seen: Observed, move: Move, reason: str) -> Plan:
    """Before the start only: afterwards the source decides."""
    assert seen.vmi is not None
    new = migration_status.failed(seen.vmi, reason, seen.wall, aborted=False)
    text = f"VirtualMachineInstance migration uid {move.uid} failed. reason:{reason}"
    return Plan((WriteStatus(new, migration_status.OVER_LABELS), Tell("Warning", "Migrated", text)))


def take(seen: Observed) -> Plan | None:
    """The next step of a guest that has come; None where it is not there."""
    assert seen.vmi is not None
    move = move_of(seen.vmi)
    assert move is not None
    if seen.launcher is not Launcher.CONNECTED or seen.domain is None or seen.domain.over:
        return None
    report = seen.domain.migration
    stage = report.stage if report is not None and report.migration_uid == move.uid else None
    if stage is Stage.ARRIVING or (stage is Stage.SWITCHED and _paused_by_user(seen)):
        return NOTHING
    if stage in (Stage.SWITCHED, Stage.RECEIVED):
        left = migration_status.unfreeze_after(seen.vmi, seen.wall)
        return guard.before_it_comes(seen) or Plan((TakeOver(_paused_by_user(seen), left),))
    if stage is Stage.FETCHING:
        return _fetching(seen)
    if stage is not Stage.TAKEN:
        return None
    if not seen.domain.alive:
        return NOTHING  # its launcher is about to know it as its own
    if seen.network is Network.NONE and seen.retry_at <= seen.now:
        return Plan((SetUpNetwork(),))
    if not move.ended:
        here = status.running(seen.vmi, seen.domain, seen.addresses, seen.wall)
        told = Tell("Normal", "Migrated", f"The VirtualMachineInstance migrated to node {seen.node}.")
        named = {labels.NODE_NAME: seen.node}
        landed = migration_status.landed(here, seen.node, compute_image(seen.pod), seen.wall)
        return Plan((WriteStatus(landed, named, guard.mark(seen)), told))
    over = (migration_status.OVER_LABELS, migration_status.OVER_ANNOTATIONS)
    return Plan((WriteStatus(migration_status.completed(seen.vmi), *over),))


def _fetching(seen: Observed) -> Plan | None:
    assert seen.vmi is not None
    if seen.must_stop:
        return None
    if (seen.vmi.get("status") or {}).get("nodeName") == seen.node:
        return NOTHING
    here = migration_status.fetching(seen.vmi, seen.node, seen.addresses, seen.wall)
    told = Tell("Normal", "Migrating", f"The guest runs at {seen.node} and fetches the rest of its memory.")
    return Plan((WriteStatus(here, {labels.NODE_NAME: seen.node}, guard.mark(seen)), told))


def lost(seen: Observed) -> bool:
    """Whether the guest that has come died before it was taken over. The source has ended, so this is its end."""
    move = move_of(seen.vmi) if seen.vmi is not None else None
    report = seen.domain.migration if seen.domain is not None else None
    return move is not None and report is not None and report.migration_uid == move.uid and report.stage is Stage.FAILED


def _paused_by_user(seen: Observed) -> bool:
    assert seen.vmi is not None
    listed = (seen.vmi.get("status") or {}).get("conditions") or []
    return conditions.reason_of(listed, Type.PAUSED) == "PausedByUser"
