"""The command `virtctl`. Each command's own needs are imported when it runs: help and mistakes answer at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from virtctl import mistakes
from virtctl.adm import adm
from virtctl.completion import completion
from virtctl.console import console
from virtctl.create import create
from virtctl.credentials import credentials
from virtctl.evacuate import evacuate_cancel
from virtctl.expand import expand
from virtctl.expose import expose
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, without_command
from virtctl.guest_agent import fslist, guestosinfo, userlist
from virtctl.guest_power import pause, reset, soft_reboot, unpause
from virtctl.migrate import migrate, migrate_cancel
from virtctl.object_graph import object_graph
from virtctl.permitted_devices import permitted_devices
from virtctl.port_forward import port_forward
from virtctl.power import restart, start, stop
from virtctl.ssh import scp, ssh
from virtctl.top import top
from virtctl.usbredir import usbredir
from virtctl.version import version
from virtctl.vnc import vnc
from virtctl.why import why

_FAILED = 1


@click.group(
    name="virtctl",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="virtctl controls virtual machine related operations on your kubernetes cluster.",
    epilog="These options go with every command, before or behind its name.",
    invoke_without_command=True,
)
@cluster_flags(shown=True)
@click.pass_context
def group(context: click.Context) -> None:
    """Nothing happens here: the group only has flags and commands."""
    without_command(context)


@click.command(name="help", short_help="Help about any command")
@click.argument("words", nargs=-1, metavar="[COMMAND]")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command."""
    command: click.Command = group
    within = context.find_root()
    for word in words:
        found = command.get_command(within, word) if isinstance(command, click.Group) else None
        if found is None:
            raise CommandFailed(f"Unknown help topic {list(words)}")
        command, within = found, click.Context(found, info_name=word, parent=within)
    click.echo(command.get_help(within))


COMMANDS: tuple[click.Command, ...] = (
    adm,
    completion,
    console,
    create,
    credentials,
    evacuate_cancel,
    expand,
    expose,
    fslist,
    guestosinfo,
    help_,
    migrate,
    migrate_cancel,
    object_graph,
    pause,
    permitted_devices,
    port_forward,
    reset,
    restart,
    scp,
    soft_reboot,
    ssh,
    start,
    stop,
    top,
    unpause,
    usbredir,
    userlist,
    version,
    vnc,
    why,
)
for command in COMMANDS:
    group.add_command(command)

_SWITCHES = mistakes.switches(group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code. Every failure is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = group.main(args=mistakes.plain(words, _SWITCHES), prog_name=_name(sys.argv[0]), standalone_mode=False)
    except CommandFailed as failed:
        return _complain(str(failed))
    except click.UsageError as mistake:
        return _complain(mistakes.told(mistake))
    except (click.Abort, KeyboardInterrupt):
        return _FAILED
    except BrokenPipeError:
        return _FAILED
    return code if isinstance(code, int) else 0


def _name(program: str) -> str:
    """What a user typed: kubectl runs a plugin by the name `kubectl-virt`."""
    return "kubectl virt" if Path(program).stem == "kubectl-virt" else "virtctl"


def _complain(line: str) -> int:
    click.echo(line, err=True)
    return _FAILED
