"""The local ssh or scp, told to reach a guest through a port-forward of ours: an argument vector.

Names come behind `--`: one that begins with a dash is no option.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from virtctl.plan.target import Copy, Target


class SshOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The flags that ssh and scp share. `identity_file` and `known_hosts` are "" where they were not given."""

    user: str = ""
    port: int = 22
    identity_file: str = ""
    known_hosts: str = ""
    local_options: tuple[str, ...] = ()


def ssh_command(ours: Sequence[str], there: Target, options: SshOptions, command: str = "") -> list[str]:
    """`ours`: how to call this program again, for the same cluster."""
    return ["ssh", *_options(ours, there, options), "--", _host(there, options), *([command] if command else [])]


def scp_command(ours: Sequence[str], copy: Copy, options: SshOptions, *, recursive: bool, preserve: bool) -> list[str]:
    switches = [*(["-r"] if recursive else []), *(["-p"] if preserve else [])]
    there = f"{_host(copy.there, options)}:{copy.path}"
    ends = [copy.here, there] if copy.to_guest else [there, copy.here]
    return ["scp", *_options(ours, copy.there, options), *switches, "--", *ends]


def _options(ours: Sequence[str], there: Target, options: SshOptions) -> list[str]:
    forward = [*ours, "port-forward", "--stdio=true", f"{there.kind}/{there.name}/{there.namespace}", str(options.port)]
    # ssh expands %-signs in the command, and a shell runs it
    proxy = shlex.join(forward).replace("%", "%%")
    words = ["-o", f"ProxyCommand={proxy}", *options.local_options]
    if options.known_hosts:
        words += ["-o", f"UserKnownHostsFile={options.known_hosts}"]
    if options.identity_file:
        words += ["-i", options.identity_file]
    return words


def _host(there: Target, options: SshOptions) -> str:
    """A name by which known_hosts tells guests apart; nobody resolves it."""
    user = there.user or options.user
    return f"{user}@{there.kind}.{there.name}.{there.namespace}".removeprefix("@")
