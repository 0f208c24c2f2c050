"""Starts that fail come slower and slower: 10 s after the first, then with the square of their number, at most 300 s.

Only a VMI that ended without ever having run counts, and each one once (its UID is kept). What is remembered goes when
a guest runs, or when the strategy is one that does not start by itself.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from api.time import InvalidTime, format_time, parse_time
from virt_controller.plan.strategy import BACKS_OFF
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]
STEP: Final = 10.0
LONGEST: Final = 300.0


def delay(failures: int, vmi_uid: str) -> float:
    """Seconds before the next start. The spread, up to half, comes from the UID."""
    base = STEP * failures**2
    spread = int.from_bytes(hashlib.sha256(f"{vmi_uid}/{failures}".encode()).digest()[:4], "big") / 2**32
    return min(LONGEST, base + base / 2 * spread)


def start_failure(vm: Vm, vmi: Vmi | None, now: float) -> Json | None:
    """What `status.startFailure` shall be."""
    kept = vm.start_failure or None
    if vm.strategy not in BACKS_OFF or (vmi is not None and vmi.ran):
        return None
    if vmi is None or not vmi.phase.final or vm.start_failure.get("lastFailedVMIUID") == vmi.uid:
        return kept
    failures = int(vm.start_failure.get("consecutiveFailCount") or 0) + 1
    return {
        "consecutiveFailCount": failures,
        "lastFailedVMIUID": vmi.uid,
        "retryAfterTimestamp": format_time(now + delay(failures, vmi.uid)),
    }


def counted(vm: Vm, vmi: Vmi) -> bool:
    """Whether nothing is lost for the back-off when this ended VMI disappears."""
    return vmi.ran or vm.strategy not in BACKS_OFF or vm.start_failure.get("lastFailedVMIUID") == vmi.uid


def seconds_left(vm: Vm, now: float) -> float:
    """How long a start must still wait; 0 when it need not."""
    if vm.strategy not in BACKS_OFF:
        return 0.0
    try:
        until = parse_time(vm.start_failure.get("retryAfterTimestamp") or "")
    except InvalidTime:
        return 0.0
    return max(0.0, until - now)
