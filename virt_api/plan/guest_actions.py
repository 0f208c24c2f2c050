"""Actions on a guest, and questions to it: whether they may be done. The node's virt-handler does them.

| action | refused while |
|---|---|
| pause | the guest does not run, is paused already, or has a liveness probe that a paused guest would fail |
| unpause | the guest does not run, or is not paused |
| reset | the guest does not run |
| softreboot | the guest does not run, is paused, or nobody in it would listen: no agent, no ACPI |
| freeze | the guest does not run, or has no agent connected |
| unfreeze | the guest does not run: whether its agent still answers is tried, because frozen it must not stay |
| guestosinfo, userlist, filesystemlist | the guest does not run, or has no agent connected |

Whether a guest is paused is read from the VMI's condition, as clients have always seen it: an unpause that comes
before the condition does is refused. A dry run ends here.
"""

from __future__ import annotations

from collections.abc import Callable

from virt_api.plan.reading import Raw, flag, has, rows, text
from virt_api.plan.status import VMI, Failure, conflict, forbidden
from virt_model import conditions
from virt_model.conditions import Type
from virt_model.phases import Phase

NOT_RUNNING = "VM is not running"
PROBED = "Pausing VMIs with a non-GuestAgentPing LivenessProbe is not supported"
UNHEARD = "VMI neither have the agent connected nor the ACPI feature enabled"


def pause(vmi: Raw) -> Failure | None:
    if not _runs(vmi):
        return _conflict(vmi, NOT_RUNNING)
    if has(vmi, "spec", "livenessProbe") and not has(vmi, "spec", "livenessProbe", "guestAgentPing"):
        return forbidden(VMI, text(vmi, "metadata", "name"), PROBED)
    return _conflict(vmi, "VMI is already paused") if _is(vmi, Type.PAUSED) else None


def unpause(vmi: Raw) -> Failure | None:
    if not _runs(vmi):
        return _conflict(vmi, NOT_RUNNING)
    return None if _is(vmi, Type.PAUSED) else _conflict(vmi, "VMI is not paused")


def reset(vmi: Raw) -> Failure | None:
    return None if _runs(vmi) else _conflict(vmi, NOT_RUNNING)


def soft_reboot(vmi: Raw) -> Failure | None:
    if not _runs(vmi):
        return _conflict(vmi, NOT_RUNNING)
    if _is(vmi, Type.PAUSED):
        return _conflict(vmi, "VMI is paused")
    acpi = flag(vmi, "spec", "domain", "features", "acpi", "enabled") is not False
    return None if acpi or _is(vmi, Type.AGENT_CONNECTED) else _conflict(vmi, UNHEARD)


def freeze(vmi: Raw) -> Failure | None:
    return reset(vmi) or _agentless(vmi)


def ask(vmi: Raw) -> Failure | None:
    """Of a question to the guest's agent."""
    return (None if _runs(vmi) else _conflict(vmi, "VMI is not running")) or _agentless(vmi)


def _agentless(vmi: Raw) -> Failure | None:
    return None if _is(vmi, Type.AGENT_CONNECTED) else _conflict(vmi, "VMI does not have guest agent connected")


GUEST_ACTIONS: dict[str, Callable[[Raw], Failure | None]] = {
    "pause": pause,
    "unpause": unpause,
    "reset": reset,
    "softreboot": soft_reboot,
    "freeze": freeze,
    "unfreeze": reset,
}
"""By subresource: why it is refused, if so."""
GUEST_QUESTIONS = ("guestosinfo", "userlist", "filesystemlist")


def _runs(vmi: Raw) -> bool:
    return text(vmi, "status", "phase") == Phase.RUNNING


def _is(vmi: Raw, type_: Type) -> bool:
    return conditions.is_true(rows(vmi, "status", "conditions"), type_)


def _conflict(vmi: Raw, why: str) -> Failure:
    return conflict(VMI, text(vmi, "metadata", "name"), why)
