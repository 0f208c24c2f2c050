"""When what a guest says on its serial console goes to a log: the container that prints it, and the rule.

The field of the VMI has the word, then the cluster's default; without a console there is nothing to log.
"""

from __future__ import annotations

from typing import Final

from virt_model.config import ClusterConfig

#: of the launcher pod; people read it by this name
CONTAINER: Final = "guest-console-log"


def is_logged(autoattached: bool | None, wanted: bool | None, config: ClusterConfig) -> bool:
    """`autoattached` and `wanted` are the VMI's `autoattachSerialConsole` and `logSerialConsole`."""
    if autoattached is False:
        return False
    return not config.serial_console_log_disabled if wanted is None else wanted
