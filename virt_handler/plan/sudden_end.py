"""Why a launcher died before its guest. Its socket says at once that it did, the kubelet a moment later how."""

from __future__ import annotations

from typing import Any, Final

from virt_model.seen import Pod

Json = dict[str, Any]
KUBELET_SECONDS: Final = 3.0
_UNKNOWN: Final = "the launcher ended before its guest, and did not say how"


def unheard_for(pod: Json | None, dead_since: float | None, now: float) -> float:
    """Seconds that the kubelet still has to say how the pod's launcher ended; 0 where it has, or cannot any more."""
    if pod is None or dead_since is None or Pod(pod).compute_ended:
        return 0.0
    return max(0.0, dead_since + KUBELET_SECONDS - now)


def cause(pod: Json | None) -> str:
    """A sentence for the event, which outlives the pod."""
    return (Pod(pod).ended_badly if pod is not None else "") or _UNKNOWN
