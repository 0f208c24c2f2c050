"""Times as Kubernetes writes them: RFC 3339, whole seconds, UTC: `2026-11-24T13:05:00Z`.

Pure: the clock is somebody else's. A time is seconds since 1970 (UTC), as an int or a float.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 64


class InvalidTime(ValueError):
    """The text is no RFC 3339 time, or the number of seconds is outside the years 1 to 9999."""


def format_time(seconds: float) -> str:
    """RFC 3339 of a time, cut (not rounded) to whole seconds. Raises InvalidTime."""
    return _moment(int(seconds // 1)).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def format_micro_time(seconds: float) -> str:
    """RFC 3339 with six fraction digits, as leases and events carry it. Raises InvalidTime."""
    whole = int(seconds // 1)
    micros = int((seconds - whole) * 10**6)
    return f"{format_time(whole)[:-1]}.{micros:06d}Z"


def parse_time(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time with any offset and fraction. Raises InvalidTime."""
    match = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise InvalidTime(f"not an RFC 3339 time: {text[:80]!r}")
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise InvalidTime(f"no such time: {text!r}") from error
    fraction = float(f"0.{match[7]}") if match[7] else 0.0
    return (moment - _EPOCH).total_seconds() - _offset(match, text) + fraction


def _offset(match: re.Match[str], text: str) -> int:
    if not match[8]:
        return 0
    hours, minutes = int(match[9]), int(match[10])
    if hours > 23 or minutes > 59:
        raise InvalidTime(f"no such offset: {text!r}")
    seconds = hours * 3600 + minutes * 60
    return -seconds if match[8] == "-" else seconds


def _moment(seconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise InvalidTime(f"outside the years 1 to 9999: {seconds}") from error
