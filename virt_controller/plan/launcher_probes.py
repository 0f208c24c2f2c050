"""A guest's probes as probes of the compute container.

HTTP and TCP go to the pod's address, which is the guest's. A command, and the question whether the guest agent answers,
run through `virt-probe` in the container. All get ten seconds more before the first try: the time a guest needs to be
a guest.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from virt_controller.plan.launcher import Launcher
from virt_model import names

Json = dict[str, Any]
_HEAD_START: Final = 10
_CALL_MARGIN: Final = 1


def probes(launcher: Launcher) -> Json:
    """The `livenessProbe` and `readinessProbe` of the container, those that the VMI has."""
    found: Json = {}
    for field in ("livenessProbe", "readinessProbe"):
        given = launcher.vmi.spec.get(field)
        if given:
            found[field] = _probe(launcher, deepcopy(given))
    return found


def _probe(launcher: Launcher, probe: Json) -> Json:
    probe["initialDelaySeconds"] = int(probe.get("initialDelaySeconds") or 0) + _HEAD_START
    ping = probe.pop("guestAgentPing", None)
    if ping is None and "exec" not in probe:
        return probe
    timeout = int(probe.get("timeoutSeconds") or 1)
    domain = names.domain_name(launcher.vmi.namespace, launcher.vmi.name)
    command = ["virt-probe", "--domainName", domain, "--timeoutSeconds", str(timeout)]
    if ping is not None:
        command.append("--guestAgentPing")
    else:
        program, *arguments = probe["exec"].get("command") or [""]
        command += ["--command", program, "--", *arguments]
    return {**probe, "exec": {"command": command}, "timeoutSeconds": timeout + _CALL_MARGIN}
