"""Mistakes in a command line, in the words in which such tools say them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import click

from virtctl.failure import CommandFailed

_TRUE, _FALSE = ("true", "True", "TRUE", "t", "T", "1"), ("false", "False", "FALSE", "f", "F", "0")


def switches(command: click.Command) -> dict[str, str]:
    """The names of all options without a value, and how to say that one of them is off ("" is not to say it)."""
    found = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.is_bool_flag:
            off = next(iter(parameter.secondary_opts), "")
            found.update(dict.fromkeys(parameter.opts, off))
    if isinstance(command, click.Group):
        for each in command.commands.values():
            found |= switches(each)
    return found


def plain(words: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """The words with `--force=true` said as `--force`, and `--force=false` not said."""
    said = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name in known):
            said.append(word)
        elif value not in _TRUE + _FALSE:
            raise CommandFailed(f'invalid argument "{value}" for "{name}" flag: it is either true or false')
        elif value in _TRUE:
            said.append(name)
        elif known[name]:
            said.append(known[name])
    return said


def told(mistake: click.UsageError) -> str:
    """One line."""
    path = mistake.ctx.command_path if mistake.ctx is not None else ""
    if isinstance(mistake, click.NoSuchOption):
        dashes = "unknown flag" if mistake.option_name.startswith("--") else "unknown shorthand flag"
        return f"{dashes}: {mistake.option_name}"
    if isinstance(mistake, click.MissingParameter) and isinstance(mistake.param, click.Argument):
        accepted = _arguments(mistake)
        return f"accepts {len(accepted)} arg(s), received {accepted.index(mistake.param)}"
    message = mistake.format_message()
    if isinstance(mistake, click.BadOptionUsage) and "requires an argument" in message:
        return f"flag needs an argument: {mistake.option_name}"
    if number := re.search(r": '(.*)' is not a valid integer", message):
        flag, value = _flag(mistake), number.group(1)
        return f'invalid argument "{value}" for "{flag}" flag: strconv.ParseInt: parsing "{value}": invalid syntax'
    if message.startswith("No such command"):
        name = message.split("'")[1]
        return f'unknown command "{name}" for "{path}"'
    if message.startswith("Got unexpected extra argument"):
        accepts = len(_arguments(mistake))
        return f"accepts {accepts} arg(s), received {accepts + len(message.partition('(')[2].split(')')[-2].split())}"
    return message


def _flag(mistake: click.UsageError) -> str:
    """`-p, --port`"""
    parameter = mistake.param if isinstance(mistake, click.BadParameter) else None
    return ", ".join(sorted(parameter.opts, key=len)) if parameter is not None else ""


def _arguments(mistake: click.UsageError) -> list[click.Parameter]:
    if mistake.ctx is None:
        return []
    return [each for each in mistake.ctx.command.params if isinstance(each, click.Argument)]
