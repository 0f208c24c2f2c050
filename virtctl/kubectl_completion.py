"""`kubectl virt` completes words too: kubectl asks this program for them."""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete

from virtctl.completion import VARIABLE
from virtctl.main import group

_NO_FILES = ":4"  # the word by which such programs say that file names are no candidates


def main() -> int:
    """`kubectl_complete-virt WORD…`, which kubectl calls for candidates of the last word."""
    words = sys.argv[1:]
    known, last = (words[:-1], words[-1]) if words else ([], "")
    for item in ShellComplete(group, {}, "virtctl", VARIABLE).get_completions(known, last):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(_NO_FILES)
    return 0
