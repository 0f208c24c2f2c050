"""A manifest on standard output, for `kubectl create -f -`."""

from __future__ import annotations

import secrets
from typing import Any

import click

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # those of Kubernetes' generated names
_WIDE = 1 << 16


def show(manifest: dict[str, Any]) -> None:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Texts of several lines stay readable."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    click.echo(yaml.dump(manifest, Dumper=Dumper, width=_WIDE, allow_unicode=True), nl=False)


def fresh() -> str:
    """Five letters for the end of a name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))
