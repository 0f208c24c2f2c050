"""Kubernetes quantities: `128Mi`, `1.5`, `100m`, `12e6`.

A quantity is a number with a suffix of one of three families: decimal SI (n u m k M G T P E), binary SI (Ki ... Ei) and
decimal exponent (e3, E-2). The value is exact here, a Fraction of bytes, cores or whatever is counted. The canonical
form is the one apimachinery prints: no fraction digits, the largest suffix of the value's own family that allows it, at
most nano precision (rounded away from zero). Binary values are capped at 2**63-1, as there.
"""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction

Quantity = str | int | float
"""A quantity as it stands on the wire. Most are strings, but a bare number is as good."""


class InvalidQuantity(ValueError):
    """The text is not a quantity; the message says which text."""


class Family(Enum):
    """Which suffixes a quantity is written with."""

    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


_FORM = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO = 10**9
_MAX_EXPONENT = 999
_MAX_LENGTH = 256
_LARGEST = 2**63 - 1


def parse_quantity(value: Quantity) -> Fraction:
    """The exact value of a quantity, in whole billionths.

    Raises InvalidQuantity for anything else than a number or a well-formed text.
    """
    return _parse(value)[0]


def format_quantity(value: Quantity | Fraction, family: Family | None = None) -> str:
    """The canonical text, in the suffix family of the input (a Fraction has DECIMAL_SI) or in the given one."""
    if isinstance(value, Fraction):
        exact, own = _nanos(value), Family.DECIMAL_SI
    else:
        exact, own = _parse(value)
    return _canonical(exact, family or own)


def is_quantity(value: object) -> bool:
    """Whether a JSON value is a well-formed quantity."""
    if not isinstance(value, str | int | float):
        return False
    try:
        _parse(value)
    except InvalidQuantity:
        return False
    return True


def compare_quantities(left: Quantity, right: Quantity) -> int:
    """-1, 0 or 1 as left is less than, equal to or greater than right."""
    one, other = parse_quantity(left), parse_quantity(right)
    return (one > other) - (one < other)


def add_quantities(left: Quantity, right: Quantity) -> str:
    """The canonical sum, in the family of `left` (of `right` when left is zero)."""
    one, one_family = _parse(left)
    other, other_family = _parse(right)
    return _canonical(one + other, one_family if one else other_family)


def quantity_bytes(value: Quantity) -> int:
    """The value as a whole number, rounded up (away from zero): what apimachinery's Value() gives."""
    exact = parse_quantity(value)
    return _ceil_away(exact)


def quantity_millis(value: Quantity) -> int:
    """The value in thousandths, rounded up: cores to millicores."""
    return _ceil_away(parse_quantity(value) * 1000)


def _parse(value: Quantity) -> tuple[Fraction, Family]:
    text = _text(value)
    match = _FORM.fullmatch(text)
    if match is None or len(text) > _MAX_LENGTH:
        raise InvalidQuantity(f"not a quantity: {text[:80]!r}")
    sign, digits, suffix = match[1], match[2], match[3] or ""
    exact = Fraction(digits if digits[0] != "." else f"0{digits}")
    scale, family = _scale(suffix)
    exact = _nanos(exact * scale)
    if family is Family.BINARY_SI:
        exact = min(exact, Fraction(_LARGEST))
        family = Family.DECIMAL_SI if exact < 1 else family
    return -exact if sign == "-" else exact, family


def _text(value: Quantity) -> str:
    if isinstance(value, bool):
        raise InvalidQuantity(f"not a quantity: {value!r}")
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        if value.bit_length() > 2048:
            raise InvalidQuantity("not a quantity: a number of over 2048 bits")
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise InvalidQuantity(f"not a quantity: a {type(value).__name__}")


def _scale(suffix: str) -> tuple[Fraction, Family]:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix], Family.DECIMAL_SI
    if suffix in _BINARY:
        return Fraction(2 ** _BINARY[suffix]), Family.BINARY_SI
    exponent = suffix[1:]
    if len(exponent) > 5 or abs(int(exponent)) > _MAX_EXPONENT:
        raise InvalidQuantity(f"exponent out of range: {suffix[:80]!r}")
    return Fraction(10) ** int(exponent), Family.DECIMAL_EXPONENT


def _nanos(exact: Fraction) -> Fraction:
    return Fraction(_ceil_away(exact * _NANO), _NANO)


def _ceil_away(exact: Fraction) -> int:
    whole = -(-abs(exact.numerator) // exact.denominator)
    return whole if exact >= 0 else -whole


def _canonical(exact: Fraction, family: Family) -> str:
    if exact == 0:
        return "0"
    if family is Family.BINARY_SI:
        if abs(exact) >= 1024 and exact.denominator == 1:
            return _binary(int(exact))
        family = Family.DECIMAL_SI
    if family is Family.DECIMAL_SI:
        mantissa, exponent = _decimal(exact, largest=18)
        return f"{mantissa}{_DECIMAL_BY_EXPONENT[exponent]}"
    mantissa, exponent = _decimal(exact, largest=_MAX_EXPONENT)
    return f"{mantissa}e{exponent}" if exponent else str(mantissa)


def _binary(whole: int) -> str:
    chosen = ""
    for suffix, bits in _BINARY.items():
        if whole % (1 << bits) == 0:
            chosen = suffix
    return f"{whole >> _BINARY[chosen]}{chosen}"


def _decimal(exact: Fraction, largest: int) -> tuple[int, int]:
    """Mantissa and exponent, a multiple of three, as large as divides the value."""
    mantissa, exponent = int(exact * _NANO), -9
    while exponent < largest and mantissa % 1000 == 0:
        mantissa, exponent = mantissa // 1000, exponent + 3
    return mantissa, exponent
