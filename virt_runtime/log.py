"""Logs as one JSON object a line on stderr: component, level, msg, pos, timestamp, and whatever the caller adds.

`LOG.info("started", extra=about(vmi))` adds kind, namespace, name and uid of that object, as far as they are known.
How much is said follows the cluster's configuration while we run (`set_verbosity`).
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {"WARNING": "warning", "CRITICAL": "fatal"}
#: the attribute of a record under which `about` travels: logging keeps `name` for itself
_ABOUT = "about_object"
Json = dict[str, Any]


class JsonFormatter(logging.Formatter):
    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "component": self._component,
            "level": _LEVELS.get(record.levelname, record.levelname.lower()),
            "msg": record.getMessage(),
            "pos": f"{record.filename}:{record.lineno}",
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        added = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line |= added.pop(_ABOUT, {}) | added
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def about(obj: Json | None = None, *, kind: str = "", namespace: str = "", name: str = "", uid: str = "") -> Json:
    """For `extra=`: which object a line is about, from the object itself or from what is known of it."""
    metadata = (obj or {}).get("metadata") or {}
    known = {
        "kind": kind or (obj or {}).get("kind"),
        "namespace": namespace or metadata.get("namespace"),
        "name": name or metadata.get("name"),
        "uid": uid or metadata.get("uid"),
    }
    return {_ABOUT: {key: value for key, value in known.items() if value}}


def setup(component: str, level: str = "info") -> None:
    """Send every logger of this process to stderr at `level` (debug, info, warning, error)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(component))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel("WARNING")


def set_verbosity(verbosity: int) -> None:
    """From 0 (what went wrong) over 2 (what was done) to 4 and more (every step), from now on."""
    level = level_of(verbosity)
    root = logging.getLogger()
    if root.level != level:
        root.setLevel(level)
        logging.getLogger(__name__).log(level, "log verbosity is %d now: %s", verbosity, logging.getLevelName(level))


def level_of(verbosity: int) -> int:
    """The least important kind of line that is written."""
    return logging.WARNING if verbosity < 1 else logging.INFO if verbosity < 4 else logging.DEBUG
