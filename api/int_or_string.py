"""A field that is a number or a name or a percentage: ports, surge and unavailability counts."""

from __future__ import annotations

IntOrString = int | str
"""As it stands on the wire: a JSON number or a JSON string."""


class InvalidIntOrString(ValueError):
    """The value can not be read as asked; the message says which value."""


def port_number(value: IntOrString, named: dict[str, int]) -> int:
    """The port meant by `value`: the number itself, digits in a string, or a name looked up in `named`.

    Raises InvalidIntOrString for an unknown name and for what is no port (1 to 65535).
    """
    if isinstance(value, bool):
        raise InvalidIntOrString(f"not a port: {value!r}")
    if isinstance(value, str) and not _is_digits(value):
        if value not in named:
            raise InvalidIntOrString(f"no port is named {value[:80]!r}")
        return named[value]
    if len(str(value)) > 5 or not 0 < int(value) < 65536:
        raise InvalidIntOrString(f"port out of range: {str(value)[:80]}")
    return int(value)


def scaled_value(value: IntOrString, total: int, *, round_up: bool) -> int:
    """The count meant by `value`: a number as it is, `"25%"` as that share of `total`, rounded up or down.

    Raises InvalidIntOrString for a string that is no percentage.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    digits = value[:-1] if isinstance(value, str) and value.endswith("%") else ""
    if not _is_digits(digits) or len(digits) > 9:
        raise InvalidIntOrString(f"neither a number nor a percentage: {str(value)[:80]!r}")
    share = int(digits) * total
    return -(-share // 100) if round_up else share // 100


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
