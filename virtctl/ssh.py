"""`virtctl ssh` and `virtctl scp`: the local OpenSSH client, through a port-forward to the guest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from virtctl.cluster import access_of
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, cluster_words
from virtctl.plan.ssh_command import SshOptions, scp_command, ssh_command
from virtctl.plan.target import Target, copy, login_target

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    (("--username", "-l"), {"default": "", "help": "The user to log in as; by default the one who calls."}),
    (("--identity-file", "-i"), {"default": "", "help": "Path to a private key to log in with."}),
    (("--known-hosts",), {"default": "", "help": "Path to a file with known host keys."}),
    (("--port", "-p"), {"type": int, "default": 22, "show_default": True, "help": "The port of the guest."}),
    (("--local-ssh-opts", "-t"), {"multiple": True, "help": "Additional options for the local client."}),
    # upstream's first versions had a client of their own, and this to choose between the two
    (("--local-ssh",), {"is_flag": True, "hidden": True, "expose_value": False}),
)


def _ssh_flags(function: F) -> F:
    for names, more in reversed(_OPTIONS):
        function = click.option(*names, **more)(function)
    return function


@click.command(short_help="Open a SSH connection to a virtual machine instance.")
@click.argument("target", metavar="(VM|VMI)")
@_ssh_flags
@click.option("--command", "-c", default="", help="A command to execute in the guest, rather than a shell.")
@cluster_flags()
@click.pass_context
def ssh(context: click.Context, /, target: str, command: str, **flags: Any) -> None:
    """Open a SSH connection to [user@]vm/NAME[/NAMESPACE], or vmi/NAME."""
    there = _placed(context, login_target(target))
    _run(context, ssh_command(_ours(context), there, _options(flags), command))


@click.command(short_help="SCP files from/to a virtual machine instance.")
@click.argument("source", metavar="(SOURCE)")
@click.argument("destination", metavar="(DESTINATION)")
@_ssh_flags
@click.option("--recursive", "-r", is_flag=True, help="Recursively copy entire directories")
@click.option("--preserve", is_flag=True, help="Preserves modification times, access times, and modes.")
@cluster_flags()
@click.pass_context
def scp(
    context: click.Context, /, source: str, destination: str, recursive: bool, preserve: bool, **flags: Any
) -> None:
    """Copy files from or to [user@]vm/NAME[/NAMESPACE]:PATH."""
    asked = copy(source, destination)
    asked = msgspec.structs.replace(asked, there=_placed(context, asked.there))
    command = scp_command(_ours(context), asked, _options(flags), recursive=recursive, preserve=preserve)
    _run(context, command)


def _placed(context: click.Context, there: Target) -> Target:
    return there if there.namespace else msgspec.structs.replace(there, namespace=access_of(context).namespace)


def _options(flags: dict[str, Any]) -> SshOptions:
    names = ("USER", "USERNAME", "LOGNAME")
    caller = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return SshOptions(
        user=flags["username"] or caller,
        port=flags["port"],
        identity_file=flags["identity_file"],
        known_hosts=flags["known_hosts"],
        local_options=flags["local_ssh_opts"],
    )


def _ours(context: click.Context) -> list[str]:
    """This program again: by the name it was called by, or as the module that it is."""
    program = shutil.which(sys.argv[0]) if Path(sys.argv[0]).suffix != ".py" else None
    called = [str(Path(program).absolute())] if program else [sys.executable, "-m", "virtctl"]
    return [*called, *cluster_words(context)]


def _run(context: click.Context, command: list[str]) -> None:
    """The exit code is that of the local client. It owns the terminal: Ctrl+C is its own to handle."""
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        raise CommandFailed(f'exec: "{command[0]}": {error.strerror}') from error
    while True:
        try:
            context.exit(process.wait())
        except KeyboardInterrupt:
            continue
