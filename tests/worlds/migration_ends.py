"""How a guest ends at its source, in pieces: libvirt decides, QEMU is told to go and exits, and each of two says so.

libvirt says it late. The launcher hears QEMU's own events, and says it as soon as they prove it (the product's
`virt_launcher.plan.ending`). What is tried here: QEMU exits for another reason and nobody has said which yet: after
a break at the very end it had run on, or somebody ended it by a signal before libvirt had decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from tests.worlds.search import Edge
from virt_handler.plan.domain import Stage
from virt_launcher.plan.ending import Ending, heard

if TYPE_CHECKING:
    from tests.worlds.migration_world import Launcher, World

COMPLETED = {"status": "completed"}
BY_SIGNAL = {"reason": "host-signal"}


def begins(launcher: Launcher) -> Ending:
    """The launcher's connection to QEMU, before anything leaves."""
    return Ending(running=launcher.domain == "running")


def arrived(ending: Ending) -> Ending:
    """The guest stands, and all of it has been written."""
    return heard(heard(ending, "STOP", {}), "MIGRATION", COMPLETED)


def ran_on(ending: Ending) -> Ending:
    """libvirt lets it run again."""
    return heard(ending, "RESUME", {})


def gone(ending: Ending) -> Ending:
    """QEMU has exited."""
    return msgspec.structs.replace(ending, gone=True)


def undecided(launcher: Launcher) -> bool:
    """It leaves, and libvirt may still let it run on here."""
    return launcher.alive and launcher.stage == Stage.SENDING and not launcher.decided and not launcher.gone


def steps(world: World, complete: bool) -> Iterator[Edge[World]]:
    """`complete`: all of the guest stands at the target."""
    here = world.launchers[world.source]
    if not here.alive or here.ending is None or here.stage != Stage.SENDING:
        return
    told, over = heard(here.ending, "SHUTDOWN", BY_SIGNAL), here.domain not in ("running", "paused")
    if complete and undecided(here):
        yield _edge(world, "libvirt decides that the guest has moved", decided=True, ending=told)
        if world.budget.guests:
            spent = world.spent("guests")._replace(lost=True)
            yield _edge(spent, "somebody ends the source's QEMU by a signal", own=False, ending=gone(told))
            past, ran = spent.launcher(world.target, past=True), ran_on(here.ending)
            for how, last in (("dies", ran), ("is ended by a signal", heard(ran, "SHUTDOWN", BY_SIGNAL))):
                name = f"the source's guest runs on after a break, QEMU {how}, and libvirt has said nothing yet"
                yield _edge(past, name, own=False, ending=gone(last))
    if here.decided and not here.gone:
        yield _edge(world, "the source's QEMU has exited", ending=gone(here.ending))
    if here.ending.moved and not over:
        yield _edge(world, "the launcher says that the guest has moved", domain="shutoff", moved=True)
    if here.gone and here.decided:
        yield _edge(world, "libvirt says that the guest has moved", stage="sent", domain="shutoff", moved=True)
    if here.gone and not here.decided:
        end = here.domain if over else "crashed"
        yield _edge(world, "libvirt says that the guest has crashed", stage="failed", domain=end)


def _edge(world: World, name: str, *, own: bool = True, **changes: Any) -> Edge[World]:
    return Edge(name, world.launcher(world.source, **changes), own=own)
