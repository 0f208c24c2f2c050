"""Volumes of a new VM that exist already: container disks, claims, sysprep answers."""

from __future__ import annotations

from typing import Final

from virtctl.plan.create.params import Form, Params, needed, parsed, prefixed, wrong
from virtctl.plan.create.wish import Draft, texts

SOURCE: Final[Params] = {**texts("name", "src"), "bootorder": Form.NUMBER}
SYSPREP: Final = texts("src", "type")
_SYSPREP_DISK: Final = "sysprepdisk"
_SYSPREP_KINDS: Final = {"configmap": "configMap", "secret": "secret"}


def container_disks(draft: Draft) -> None:
    flag = "volume-containerdisk"
    for number, text in enumerate(draft.wish.volume_containerdisk):
        values = parsed(flag, text, SOURCE)
        image = needed(flag, values, "src")
        name = values.get("name") or f"{draft.wish.name}-containerdisk-{number}"
        draft.add_volume(flag, name, {"containerDisk": {"image": image}})
        draft.boots(flag, name, values.get("bootorder"))


def claims(draft: Draft) -> None:
    flag = "volume-pvc"
    for text in draft.wish.volume_pvc:
        values = parsed(flag, text, SOURCE)
        claim = _local(flag, needed(flag, values, "src"), "pvc")
        name = values.get("name") or claim
        draft.add_volume(flag, name, {"persistentVolumeClaim": {"claimName": claim}})
        draft.boots(flag, name, values.get("bootorder"))


def sysprep(draft: Draft) -> None:
    flag = "volume-sysprep"
    if flag not in draft.wish.said:
        return
    values = parsed(flag, draft.wish.volume_sysprep, SYSPREP)
    name = _local(flag, needed(flag, values, "src"), "configmap or secret")
    kind = _SYSPREP_KINDS.get((values.get("type") or "configmap").lower())
    if kind is None:
        kinds = ", ".join(_SYSPREP_KINDS)
        raise wrong(flag, f'invalid sysprep source type "{values["type"]}", supported values are: {kinds}')
    draft.add_volume(flag, _SYSPREP_DISK, {"sysprep": {kind: {"name": name}}})


def _local(flag: str, text: str, what: str) -> str:
    """A name in the VM's own namespace."""
    namespace, name = prefixed(flag, text, "src invalid: ")
    if namespace:
        raise wrong(flag, f'not allowed to specify namespace of {what} "{name}"')
    return name
