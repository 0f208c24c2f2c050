"""What can go wrong between handler and launcher. Three cases, because a caller does three different things."""

from __future__ import annotations


class IpcError(Exception):
    """Base of the three."""


class LauncherUnreachable(IpcError):
    """No launcher answers on the socket, or not in time. Nothing is known about its guest: ask again."""


class LauncherRefused(IpcError):
    """The launcher answered that it cannot. The message is a sentence for the VMI's condition and event."""


class SyncError(LauncherRefused):
    """A refused Sync: the domain could not be made what the VMI says."""


class ProtocolError(IpcError):
    """The answer is not one that this version understands, or is larger than allowed."""
