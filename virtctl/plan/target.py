"""Which machine a command means: `vm/name`, `vmi/name/namespace`, `user@vm/name`, and for copies `….:path`."""

from __future__ import annotations

from typing import Final

import msgspec

from virtctl.failure import CommandFailed

VM: Final = ("vm", "vms", "virtualmachine", "virtualmachines")
VMI: Final = ("vmi", "vmis", "virtualmachineinstance", "virtualmachineinstances")
_KINDS: Final = {**dict.fromkeys(VM, "vm"), **dict.fromkeys(VMI, "vmi")}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """`namespace` and `user` are "" where they were not said. `kind` is vm or vmi."""

    kind: str
    name: str
    namespace: str = ""
    user: str = ""


def target(text: str) -> Target:
    """Raises CommandFailed."""
    if not text:
        raise CommandFailed("target cannot be empty")
    kind, *rest = text.split("/")
    if not rest:
        raise CommandFailed("target must contain type and name separated by '/'")
    if len(rest) > 2:
        raise CommandFailed("target is not valid with more than two '/'")
    if len(rest) == 2 and not rest[1]:
        raise CommandFailed("namespace cannot be empty")
    if kind not in _KINDS:
        raise CommandFailed(f"unsupported resource type '{kind}'")
    if not rest[0]:
        raise CommandFailed("name cannot be empty")
    return Target(kind=_KINDS[kind], name=rest[0], namespace=rest[1] if len(rest) == 2 else "")


def login_target(text: str) -> Target:
    """`[user@]type/name[/namespace]`. Raises CommandFailed."""
    parts = text.split("@")
    if len(parts) == 1:
        return target(text)
    if not parts[0]:
        raise CommandFailed("expected username before '@'")
    if not parts[1]:
        raise CommandFailed("expected target after '@'")
    return msgspec.structs.replace(target(parts[1]), user=parts[0])


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """Between a path here and a path in a guest."""

    here: str
    there: Target
    path: str
    to_guest: bool


def copy(source: str, destination: str) -> Copy:
    """What to copy, and in which direction. Raises CommandFailed."""
    quoted = f'"{source}" to "{destination}"'
    if ":" in source and ":" in destination:
        text = "copying from a remote location to another remote location is not supported"
        raise CommandFailed(f"{text}: {quoted}")
    if ":" not in source and ":" not in destination:
        raise CommandFailed(f"none of the two provided locations seems to be a remote location: {quoted}")
    to_guest = ":" in destination
    there, here = (destination, source) if to_guest else (source, destination)
    machine, _, path = there.partition(":")
    return Copy(here=here, there=login_target(machine), path=path, to_guest=to_guest)
