"""What all messages are made of."""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=253)]
"""A Kubernetes name, a device name, a target such as `vda`."""
Text = Annotated[str, msgspec.Meta(max_length=2048)]
"""A sentence for people."""
Count = Annotated[int, msgspec.Meta(ge=0)]
"""How many: bytes, seconds, connections."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything that crosses the socket."""
