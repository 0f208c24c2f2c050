"""A command that ends in an error: one line on standard error, exit code 1."""

from __future__ import annotations


class CommandFailed(Exception):
    """The message is the line."""
