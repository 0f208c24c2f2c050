"""Flags that every command takes, before or behind its name: which cluster, as whom, in which namespace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

from virtctl.failure import CommandFailed

F = TypeVar("F", bound=Callable[..., Any])

_TEXTS = (
    ("--kubeconfig", (), "Path to the kubeconfig file to use for CLI requests."),
    ("--context", (), "The name of the kubeconfig context to use"),
    ("--cluster", (), "The name of the kubeconfig cluster to use"),
    ("--user", (), "The name of the kubeconfig user to use"),
    ("--namespace", ("-n",), "If present, the namespace scope for this CLI request"),
    ("--server", ("-s",), "The address and port of the Kubernetes API server"),
    ("--token", (), "Bearer token for authentication to the API server"),
    ("--certificate-authority", (), "Path to a cert file for the certificate authority"),
    ("--client-certificate", (), "Path to a client certificate file for TLS"),
    ("--client-key", (), "Path to a client key file for TLS"),
    ("--tls-server-name", (), "Server name to use for server certificate validation."),
    ("--as", (), "Username to impersonate for the operation."),
    ("--as-uid", (), "UID to impersonate for the operation."),
)
_AS_GROUP = "Group to impersonate for the operation, this flag can be repeated to specify multiple groups."


def cluster_flags(*, shown: bool = False, but: str = "") -> Callable[[F], F]:
    """Add the flags to a command; their values arrive in `click.Context.obj`, a dict. Only the program shows them.

    `but`: the one that has another meaning behind the command's name.
    """

    def add(function: F) -> F:
        insecure = "If true, the server's certificate will not be checked for validity."
        option = partial(click.option, expose_value=False, callback=_keep, hidden=not shown)
        function = option("--insecure-skip-tls-verify", is_flag=True, help=insecure)(function)
        function = option("--as-group", multiple=True, metavar="TEXT", help=_AS_GROUP)(function)
        for name, short, text in reversed([each for each in _TEXTS if each[0] != but]):
            function = option(name, *short, metavar="TEXT", help=text)(function)
        return function

    return add


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """What is said behind a command's name wins over what was said before it."""
    kept = context.ensure_object(dict)
    if value and parameter.name:
        kept[{"as": "as_user"}.get(parameter.name, parameter.name)] = value


def without_command(context: click.Context) -> None:
    """What a group does by itself: it shows its help, unless a command of it was named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def said(context: click.Context) -> frozenset[str]:
    """The options that were given on the command line, by their long names without dashes."""
    given = click.core.ParameterSource.COMMANDLINE
    return frozenset(_long_name(each) for each in _options(context) if context.get_parameter_source(each.name) is given)


def require(context: click.Context, *names: str) -> None:
    """Raises CommandFailed where one of the options was not given."""
    missing = [name for name in names if name not in said(context)]
    if missing:
        raise CommandFailed(f"required flag(s) {', '.join(f'{chr(34)}{name}{chr(34)}' for name in missing)} not set")


def exclusive(context: click.Context, *names: str) -> None:
    """Raises CommandFailed where more than one of the options was given."""
    both = sorted(set(names) & said(context))
    if len(both) > 1:
        group = " ".join(names)
        text = f"if any flags in the group [{group}] are set none of the others can be"
        raise CommandFailed(f"{text}; [{' '.join(both)}] were all set")


def pairs(flag: str, text: str) -> dict[str, str]:
    """`a=b,c=d` that was given with `flag`. Raises CommandFailed."""
    found = {}
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise CommandFailed(f"{flag} takes KEY=VALUE pairs with commas between, not {pair!r}")
        found[key] = value
    return found


def _options(context: click.Context) -> list[click.Option]:
    return [each for each in context.command.params if isinstance(each, click.Option)]


def _long_name(option: click.Option) -> str:
    return max(option.opts, key=len).lstrip("-")


def cluster_words(context: click.Context) -> list[str]:
    """The cluster flags that were given, as a command line says them: for a call of this program by this program."""
    words = []
    for name, value in (context.obj or {}).items():
        flag = f"--{name.replace('_', '-').replace('as-user', 'as')}"
        if name == "as_group":
            words += [f"{flag}={group}" for group in value]
        else:
            words.append(flag if value is True else f"{flag}={value}")
    return words
