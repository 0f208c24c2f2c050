"""Durations as Go writes them: `1h0m0s`, `168h`, `1.5s`, `300ms`, `-2m`.

A duration is a whole number of nanoseconds that fits 64 bits. Formatting gives exactly what Go's Duration.String gives,
so that a value which passed through us compares equal as text.
"""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LIMIT = 2**63
_MAX_LENGTH = 256


class InvalidDuration(ValueError):
    """The text is not a duration, or one that 64 bits of nanoseconds cannot hold; the message says which text."""


def parse_duration(text: str) -> int:
    """Nanoseconds. Raises InvalidDuration."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    if not body or len(body) > _MAX_LENGTH:
        raise InvalidDuration(f"not a duration: {text[:80]!r}")
    total, position = 0, 0
    while position < len(body):
        match = _PART.match(body, position)
        if match is None:
            raise InvalidDuration(f"not a duration: {text[:80]!r}")
        total += _part(match[1], _UNITS[match[2]])
        position = match.end()
    signed = -total if text[0] == "-" else total
    if not -_LIMIT <= signed < _LIMIT:
        raise InvalidDuration(f"duration out of range: {text[:80]!r}")
    return signed


def duration_seconds(text: str) -> float:
    """Seconds. Raises InvalidDuration."""
    return parse_duration(text) / 10**9


def format_duration(nanoseconds: int) -> str:
    """The canonical text: `0s`, `1.5ms`, `1h0m30s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < 10**9:
        return sign + _below_a_second(rest)
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = _decimal(rest, 9) + "s"
    if not minutes:
        return sign + seconds
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}h{minutes}m{seconds}" if hours else f"{sign}{minutes}m{seconds}"


def _part(digits: str, unit: int) -> int:
    """Nanoseconds of one number; the fraction is computed in floating point and cut, as Go does."""
    whole, _, fraction = digits.partition(".")
    nanoseconds = int(whole or "0") * unit
    return nanoseconds + int(float(fraction) * (unit / 10 ** len(fraction))) if fraction else nanoseconds


def _below_a_second(nanoseconds: int) -> str:
    for unit, digits in (("ns", 3), ("µs", 6), ("ms", 9)):
        if nanoseconds < 10**digits:
            return _decimal(nanoseconds, digits - 3) + unit
    raise AssertionError("the caller checked")


def _decimal(value: int, places: int) -> str:
    whole, part = divmod(value, 10**places)
    fraction = f"{part:0{places}d}".rstrip("0") if part else ""
    return f"{whole}.{fraction}" if fraction else str(whole)
