"""Flags that every command takes, before or behind its name: which cluster, as whom, in which namespace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

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


def cluster_flags(*, shown: bool = False) -> Callable[[F], F]:
    """Add the flags to a command; their values arrive in `click.Context.obj`, a dict. Only the program shows them."""

    def add(function: F) -> F:
        insecure = "If true, the server's certificate will not be checked for validity."
        option = partial(click.option, expose_value=False, callback=_keep, hidden=not shown)
        function = option("--insecure-skip-tls-verify", is_flag=True, help=insecure)(function)
        function = option("--as-group", multiple=True, metavar="TEXT", help=_AS_GROUP)(function)
        for name, short, text in reversed(_TEXTS):
            function = option(name, *short, metavar="TEXT", help=text)(function)
        return function

    return add


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """What is said behind a command's name wins over what was said before it."""
    kept = context.ensure_object(dict)
    if value and parameter.name:
        kept[{"as": "as_user"}.get(parameter.name, parameter.name)] = value
