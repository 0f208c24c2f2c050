"""`virtctl completion SHELL`: a script that completes words; and the same for `kubectl virt`."""

from __future__ import annotations

import sys

import click

from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

_VARIABLE = "_VIRTCTL_COMPLETE"
_NO_FILES = ":4"  # the word by which such programs say that file names are no candidates


@click.command(short_help="Generate the autocompletion script for the specified shell")
@click.argument("shell", metavar="(bash|zsh|fish)")
@cluster_flags()
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for the shell. For bash: source <(virtctl completion bash)"""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise CommandFailed(f'unsupported shell type "{shell}"')
    click.echo(found(context.find_root().command, {}, "virtctl", _VARIABLE).source())


def for_kubectl() -> int:
    """`kubectl_complete-virt WORD…`, which kubectl calls for candidates of the last word."""
    from click.shell_completion import ShellComplete

    from virtctl.main import group

    words = sys.argv[1:]
    known, last = (words[:-1], words[-1]) if words else ([], "")
    for item in ShellComplete(group, {}, "virtctl", _VARIABLE).get_completions(known, last):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(_NO_FILES)
    return 0
