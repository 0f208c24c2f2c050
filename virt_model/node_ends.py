"""Why a guest counts as ended with its node: `status.reason` of the failed VMI, and the reason of the event. Pure."""

from __future__ import annotations

from typing import Final

OUT_OF_SERVICE: Final = "NodeOutOfService"
"""Somebody who knows said that the node is off."""
FENCED: Final = "NodeFenced"
"""The node's lease was over: its guests have ended by themselves."""
UNRESPONSIVE: Final = "NodeUnresponsive"
"""The launcher has ended, and no agent is there to tell how."""
REASONS: Final = frozenset({OUT_OF_SERVICE, FENCED, UNRESPONSIVE})
