"""The command `virtctl`. Each command's own needs are imported when it runs: help and mistakes answer at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from virtctl.console import console
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags
from virtctl.power import restart, start, stop
from virtctl.version import version
from virtctl.why import why

_FAILED = 1


@click.group(
    name="virtctl",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="virtctl controls virtual machine related operations on your kubernetes cluster.",
    epilog="These options go with every command, before or behind its name.",
)
@cluster_flags(shown=True)
def group() -> None:
    """Nothing happens here: the group only has flags and commands."""


for command in (console, restart, start, stop, version, why):
    group.add_command(command)


_TRUE, _FALSE = ("true", "True", "TRUE", "t", "T", "1"), ("false", "False", "FALSE", "f", "F", "0")
_SWITCHES = {
    name
    for command in (group, *group.commands.values())
    for parameter in command.params
    if isinstance(parameter, click.Option) and parameter.is_flag
    for name in parameter.opts
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code. Every failure is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        group.main(args=_plain(words), prog_name="virtctl", standalone_mode=False)
    except CommandFailed as failed:
        return _complain(str(failed))
    except click.UsageError as mistake:
        return _complain(_mistake(mistake))
    except (click.Abort, KeyboardInterrupt):
        return _FAILED
    except BrokenPipeError:
        return _FAILED
    return 0


def _plain(words: Sequence[str]) -> list[str]:
    """The words with `--force=true` said as `--force`, and `--force=false` not said."""
    plain = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name in _SWITCHES):
            plain.append(word)
        elif value not in _TRUE + _FALSE:
            raise CommandFailed(f'invalid argument "{value}" for "{name}" flag: it is either true or false')
        elif value in _TRUE:
            plain.append(name)
    return plain


def _complain(line: str) -> int:
    click.echo(line, err=True)
    return _FAILED


def _mistake(mistake: click.UsageError) -> str:
    """A mistake in the command line, in the words in which such tools say it."""
    if isinstance(mistake, click.NoSuchOption):
        dashes = "unknown flag" if mistake.option_name.startswith("--") else "unknown shorthand flag"
        return f"{dashes}: {mistake.option_name}"
    if isinstance(mistake, click.MissingParameter):
        return "accepts 1 arg(s), received 0"
    message = mistake.format_message()
    if message.startswith("No such command"):
        name = message.split("'")[1]
        return f'unknown command "{name}" for "virtctl"'
    if message.startswith("Got unexpected extra argument"):
        return f"accepts 1 arg(s), received {1 + len(message.partition('(')[2].split())}"
    return message
