"""Durations, times, field paths, int-or-string. Tables were checked against Go where Go has the function."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.duration import InvalidDuration, duration_seconds, format_duration, parse_duration
from api.field_path import FieldPath, pointer, render
from api.int_or_string import InvalidIntOrString, port_number, scaled_value
from api.time import InvalidTime, format_micro_time, format_time, parse_time

HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds", "canonical"),
    [
        ("0", 0, "0s"),
        ("168h", 168 * HOUR, "168h0m0s"),
        ("1h30m", 3 * HOUR // 2, "1h30m0s"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("-2m", -120 * 10**9, "-2m0s"),
        ("300ms", 300 * 10**6, "300ms"),
        ("1.5us", 1500, "1.5µs"),
        ("7ns", 7, "7ns"),
        ("90s", 90 * 10**9, "1m30s"),
        ("+.5h", HOUR // 2, "30m0s"),
        ("1h0.000000001s", HOUR + 1, "1h0m0.000000001s"),
        ("2562047h47m16.854775807s", 2**63 - 1, "2562047h47m16.854775807s"),
    ],
)
def test_durations(text: str, nanoseconds: int, canonical: str) -> None:
    assert parse_duration(text) == nanoseconds
    assert format_duration(nanoseconds) == canonical


@pytest.mark.parametrize("text", ["", "-", "5", "1d", "1h 1m", "h", ".s", "1hh", "2562048h", "1" * 400 + "s", "１s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_formatted_duration_reads_back(nanoseconds: int) -> None:
    difference = parse_duration(format_duration(nanoseconds)) - nanoseconds
    assert difference == 0


def test_seconds() -> None:
    assert duration_seconds("1m0.5s") == 60.5


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_times_read_back(seconds: int) -> None:
    text = format_time(seconds)
    assert len(text) == 20
    assert parse_time(text) == seconds


def test_times_by_example() -> None:
    moment = datetime(2026, 11, 24, 13, 5, tzinfo=UTC).timestamp()
    assert format_time(moment + 0.9) == "2026-11-24T13:05:00Z"
    assert format_micro_time(moment + 0.25) == "2026-11-24T13:05:00.250000Z"
    assert parse_time("2026-11-24T14:05:00+01:00") == moment
    assert parse_time("2026-11-24t13:05:00.5z") == moment + 0.5
    assert format_time(-0.5) == "1969-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-13-01T00:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T13:05:00",
        "2026-11-24T13:05:00+25:00",
        "2026-11-24 13:05:00Z",
        "2026-11-24T13:05:00Z" + "0" * 99,
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidTime):
        parse_time(text)


def test_a_time_before_the_year_1_is_refused() -> None:
    with pytest.raises(InvalidTime):
        format_time(-(10**12))


def test_field_paths() -> None:
    disks = FieldPath("spec") / "domain" / "devices" / "disks"
    assert str(disks[0] / "name") == "spec.domain.devices.disks[0].name"
    assert str((disks[0] / "name").parent()) == "spec.domain.devices.disks[0]"
    assert str(disks[0].parent()) == "spec.domain.devices.disks"
    assert str(FieldPath("spec").parent()) == ""
    assert str(FieldPath("metadata") / "labels") == "metadata.labels"
    assert render("spec", "volumes", 3, "name") == "spec.volumes[3].name"
    assert pointer("metadata", "labels", "a/b~c", 0) == "/metadata/labels/a~1b~0c/0"
    assert {disks, FieldPath("spec.domain.devices.disks")} == {disks}


def test_ports() -> None:
    assert port_number(80, {}) == 80
    assert port_number("80", {}) == 80
    assert port_number("http", {"http": 8080}) == 8080
    for wrong in (0, 65536, True, "70000", "nope", "9" * 5000, ""):
        with pytest.raises(InvalidIntOrString):
            port_number(wrong, {"http": 8080})


def test_shares() -> None:
    assert scaled_value(3, 10, round_up=True) == 3
    assert scaled_value("25%", 10, round_up=True) == 3
    assert scaled_value("25%", 10, round_up=False) == 2
    for wrong in ("25", "x%", "%", "-5%", "9" * 5000 + "%"):
        with pytest.raises(InvalidIntOrString):
            scaled_value(wrong, 10, round_up=True)
