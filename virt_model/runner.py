"""Who may run a VMI's guest: one pod, with an epoch, in an annotation of the VMI. Pure.

While the annotation is absent it is the pod that is named after the VMI's UID, in epoch 1. See
`docs/design/2026-11-26-live-migration.md` for who may change it, and when.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

from virt_model import names

Json = dict[str, Any]
ANNOTATION: Final = "podvirt.io/runner"
_FORM = re.compile(r"([1-9][0-9]{0,8}):([0-9a-zA-Z-]{1,64})", re.ASCII)


class Runner(Struct, frozen=True):
    """`pod_uid` is "" in epoch 1, where the pod is known by its name."""

    epoch: int = 1
    pod_uid: str = ""

    def annotation(self) -> str:
        return f"{self.epoch}:{self.pod_uid}"

    def handed_to(self, pod_uid: str) -> Runner:
        """The next epoch's."""
        return Runner(self.epoch + 1, pod_uid)

    def is_pod(self, vmi: Json, pod: Json) -> bool:
        """Whether `pod`, a launcher pod of `vmi`, is the one that may run the guest."""
        if self.pod_uid:
            return bool(pod["metadata"]["uid"] == self.pod_uid)
        metadata = vmi["metadata"]
        expected = (metadata["namespace"], names.launcher_pod_name(metadata["name"], metadata["uid"]))
        return (pod["metadata"]["namespace"], pod["metadata"]["name"]) == expected


FIRST: Final = Runner()


def runner_of(vmi: Json) -> Runner:
    """As the VMI says. What cannot be read names no pod: nobody runs a guest by a word that is not understood."""
    text = (vmi["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is None:
        return FIRST
    found = _FORM.fullmatch(text)
    return Runner(int(found[1]), found[2]) if found else Runner(0, "nobody")
