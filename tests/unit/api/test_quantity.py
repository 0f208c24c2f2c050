"""Quantities: values, canonical texts, arithmetic. The tables were checked against apimachinery 0.36."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.quantity import (
    Family,
    InvalidQuantity,
    add_quantities,
    compare_quantities,
    format_quantity,
    is_quantity,
    parse_quantity,
    quantity_bytes,
    quantity_millis,
)
from tests.unit.api.strategies import anything

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-3", "e+6"]
quantities = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.one_of(st.integers(0, 10**9).map(str), st.decimals(0, 10**6, places=3).map(lambda number: f"{number:f}")),
    st.sampled_from(SUFFIXES),
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0Ki", "0"),
        ("-0", "0"),
        ("1024Mi", "1Gi"),
        ("1023Mi", "1023Mi"),
        ("1536Mi", "1536Mi"),
        ("1.5Gi", "1536Mi"),
        ("1024", "1024"),
        ("1000", "1k"),
        ("1000000", "1M"),
        ("1100m", "1100m"),
        ("0.1", "100m"),
        ("1.", "1"),
        (".5", "500m"),
        ("+2", "2"),
        ("-1500", "-1500"),
        ("-2048Ki", "-2Mi"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1000e0", "1e3"),
        ("12e-1", "1200e-3"),
        ("1E", "1E"),
        ("0.5Ki", "512"),
        ("1.0005Ki", "1024512m"),
        ("0.0000000001", "1n"),
        ("-0.1n", "-1n"),
        ("100Ei", "9223372036854775807"),
        ("0.0001Mi", "104857600u"),
        ("100e20", "10e21"),
        ("3.14159", "3141590u"),
        ("500Ki", "500Ki"),
        ("1000Ki", "1000Ki"),
    ],
)
def test_canonical_texts(text: str, canonical: str) -> None:
    assert format_quantity(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1kB",
        "mi",
        "1ki",
        "0x10",
        "1_000",
        "--1",
        "1e",
        "1e1.5",
        "e3",
        ".",
        "1" * 300,
        "1e1000",
        "１",
        "1Mi\n",
        "Infinity",
        "nan",
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    assert not is_quantity(text)
    with pytest.raises(InvalidQuantity):
        parse_quantity(text)


def test_numbers_are_as_good_as_texts() -> None:
    assert parse_quantity(2) == 2
    assert parse_quantity(1.5) == Fraction(3, 2)
    assert parse_quantity(1e-7) == Fraction(1, 10**7)
    assert not is_quantity(True)
    assert not is_quantity(float("inf"))
    assert not is_quantity(10**700)


def test_whole_bytes_and_millicores_round_up() -> None:
    assert quantity_bytes("1Gi") == 1 << 30
    assert quantity_bytes("1500m") == 2
    assert quantity_millis("0.0001") == 1
    assert quantity_millis("2") == 2000


def test_a_family_can_be_chosen() -> None:
    assert format_quantity(Fraction(1 << 30), Family.BINARY_SI) == "1Gi"
    assert format_quantity("1Gi", Family.DECIMAL_SI) == "1073741824"
    assert format_quantity(Fraction(2_000_000), Family.DECIMAL_EXPONENT) == "2e6"


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        ("1Gi", "512Mi", "1536Mi"),
        ("1Gi", "100M", "1173741824"),
        ("0", "1Gi", "1Gi"),
        ("100m", "900m", "1"),
        ("1k", "1Ki", "2024"),
        ("0.00048828125Ki", "2047.5", "2048"),
    ],
)
def test_sums_keep_the_family_of_the_first(left: str, right: str, total: str) -> None:
    assert add_quantities(left, right) == total


@given(quantities)
def test_the_canonical_text_has_the_same_value_and_is_its_own_canon(text: str) -> None:
    canonical = format_quantity(text)
    assert parse_quantity(canonical) == parse_quantity(text)
    assert format_quantity(canonical) == canonical


@given(quantities, quantities)
@example("1Ti", "8388607Ti")
def test_order_and_sum_are_those_of_the_values(left: str, right: str) -> None:
    one, other = parse_quantity(left), parse_quantity(right)
    assert compare_quantities(left, right) == (one > other) - (one < other)
    total, largest = one + other, 2**63 - 1
    added = parse_quantity(add_quantities(left, right))
    assert added == total or (abs(total) > largest and abs(added) == largest)  # a binary one is capped


@given(anything)
def test_asking_never_raises(value: object) -> None:
    assert is_quantity(value) in (True, False)
