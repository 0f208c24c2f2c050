"""The launcher's log: one JSON object a line on stderr, in the shape of the other components' logs."""

from __future__ import annotations

import json
import logging
import sys
import time

log = logging.getLogger("virt-launcher")


class JsonLines(logging.Formatter):
    """Component, level, time, message, and what a call passed as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "component": record.name,
            "level": record.levelname.lower(),
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "fields", {}))


def setup() -> None:
    """Send everything to stderr, which the kubelet keeps."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
