"""The one way in which a plan says no."""

from __future__ import annotations


class CannotBuild(ValueError):
    """The domain cannot be made; the message tells its user why and what to do."""
