"""`virtctl completion SHELL`: a script that completes words."""

from __future__ import annotations

import click

from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

VARIABLE = "_VIRTCTL_COMPLETE"


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
    click.echo(found(context.find_root().command, {}, "virtctl", VARIABLE).source())
