"""The first cause: a table of rules, the first that finds something names it.

The chain has five links: VM, VMI, pod, node, domain. A link that is not there is waited for by the one before it, so
trouble shows at every link above the one where it began: an image that cannot be pulled makes a VMI that does not run,
and a VM that is not ready. The rules are ordered so that the first to hold is where it began:

1. A deletion comes before everything: what is on its way out need not run. Within it, from the guest upwards.
2. Then what keeps a VM from having a VMI, from the API's refusal to the absence of any wish to run.
3. Then what keeps a VMI from having a running pod, in the order in which a pod comes about: claims, admission, a node,
   images, mounts.
4. Then what keeps a pod from having a guest, and guests that have ended.
5. Then what is wrong with a guest that runs: its node, or that it shall leave it, its CPUs, its agent, its probes,
   changes that wait.

A rule reads what the cluster's own parts have written down (conditions, events, container states) and never guesses
from silence, but for the rules that say that somebody is silent; those come after all others of their link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from virtctl.plan.why import ending, guest, launching, leaving, placement, power, storage
from virtctl.plan.why.case import Case, Cause, lasted

Rule = Callable[[Case], Cause | None]

RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("deletion blocked", ending.leaving),
    ("start refused", power.refused),
    ("start backs off", power.backing_off),
    ("action pending", power.pending),
    ("stopped", power.stopped),
    ("ended with its node", ending.with_its_node),
    ("launcher or guest crashed", ending.crashed),
    ("guest ended", ending.ended),
    ("node lost", guest.node_lost),
    ("claim missing", storage.missing),
    ("quota", launching.over_quota),
    ("pod refused", launching.pod_refused),
    ("claim pending", storage.pending),
    ("no usable KVM", placement.no_kvm),
    ("unschedulable", placement.unschedulable),
    ("image missing", launching.image),
    ("volume not mounted", launching.not_mounted),
    ("domain refused", launching.domain_refused),
    ("on its way", launching.on_its_way),
    ("leaves its node", leaving.leaving),
    ("holds up a drain", leaving.held_up),
    ("launcher silent", guest.unheard),
    ("paused", guest.paused),
    ("guest agent silent", guest.agent_needed),
    ("not ready", guest.not_ready),
    ("restart pending", guest.restart_required),
)
RECENT: Final = 3600.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the row of the table, "" where all is well."""

    name: str = ""
    cause: Cause | None = None
    notes: tuple[str, ...] = ()


def answer(case: Case) -> Answer:
    """The first cause, and what else is worth knowing."""
    for name, rule in RULES:
        cause = rule(case)
        if cause is not None:
            return Answer(name=name, cause=cause, notes=_notes(case, name))
    return Answer(notes=_notes(case, ""))


def _notes(case: Case, name: str) -> tuple[str, ...]:
    notes = [_earlier_crash(case), guest.agent_silent(case)]
    if name != "restart pending" and (waits := guest.restart_required(case)) is not None:
        notes.append(f"{waits.waits}: {waits.do[0]}")
    if case.unread:
        notes.append(f"you may not read {', '.join(case.unread)}: what they would tell is missing here")
    return tuple(note for note in notes if note)


def _earlier_crash(case: Case) -> str:
    """A VM that runs again hides that it crashed a moment ago."""
    if case.vmi is None or case.vmi.phase.final:
        return ""
    fault = power.last_fault(case)
    if fault is None or fault.uid in ("", case.vmi.uid) or case.now - fault.at > RECENT:
        return ""
    return f"an earlier guest of this name failed {lasted(case.now - fault.at)} ago: {fault.message}"
