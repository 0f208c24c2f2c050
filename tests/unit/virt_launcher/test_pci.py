"""Places on the bus, for any number of devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.virt_launcher.domains import guest
from virt_launcher.plan.pci import MAX_INDEX, Wish, layout, parse
from virt_launcher.plan.refusal import CannotBuild


def wishes(prefix: str, number: int) -> list[Wish]:
    return [Wish(key=f"{prefix}{index}") for index in range(number)]


def buses(nics: int, others: int, memory: str = "1Gi") -> tuple[list[int], int]:
    """The bus of each device, and how many root ports there are."""
    places = layout(guest(domain={"memory": {"guest": memory}}), wishes("n", nics), wishes("o", others))
    ports = [node for node in places.controllers if node.get("model") == "pcie-root-port"]
    return [int(place["bus"], 16) for place in places.addresses.values()], len(ports)


@pytest.mark.parametrize(
    ("nics", "others", "memory", "expected", "ports"),
    [
        pytest.param(1, 5, "1Gi", [1, 5, 6, 7, 8, 9], 10, id="one NIC, three ports kept free behind it"),
        pytest.param(0, 3, "1Gi", [1, 2, 3], 9, id="no NIC, no place kept for one"),
        pytest.param(4, 1, "1Gi", [1, 2, 3, 4, 5], 9, id="four NICs"),
        pytest.param(1, 4, "3Gi", [1, 5, 6, 7, 8], 17, id="a large guest has more free ports"),
    ],
)
def test_layout(nics: int, others: int, memory: str, expected: list[int], ports: int) -> None:
    assert buses(nics, others, memory) == (expected, ports)


@given(st.integers(0, 6), st.integers(0, 40), st.sampled_from(["128Mi", "3Gi"]))
def test_every_device_has_a_port_of_its_own_or_the_guest_is_refused(nics: int, others: int, memory: str) -> None:
    try:
        placed, ports = buses(nics, others, memory)
    except CannotBuild:
        assert nics + others > MAX_INDEX - 4
        return
    assert len(set(placed)) == len(placed) == nics + others
    assert all(1 <= bus <= ports <= MAX_INDEX for bus in placed)


def test_an_address_of_the_users_own_is_kept_and_costs_no_port() -> None:
    places = layout(guest(), [Wish(key="n", at="0000:81:01.0")], wishes("o", 1))
    assert places.addresses["n"] == parse("0000:81:01.0", "n")
    assert places.addresses["n"]["bus"] == "0x81"


@pytest.mark.parametrize("text", ["81:01.0", "0000:81:01", "x", "0000:zz:01.0"])
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(CannotBuild, match="is not a PCI address"):
        parse(text, "n")


@pytest.mark.parametrize(
    ("annotations", "bus"),
    [
        ({"kubevirt.io/pci-topology-version": "v2", "kubevirt.io/pci-interface-slot-count": "2"}, 3),
        ({"kubevirt.io/pci-topology-version": "v2"}, 2),
        ({"kubevirt.io/pci-topology-version": "v3"}, 5),
    ],
)
def test_an_old_guest_keeps_its_old_places(annotations: dict[str, str], bus: int) -> None:
    places = layout(guest(annotations=annotations), wishes("n", 1), wishes("o", 1))
    assert int(places.addresses["o0"]["bus"], 16) == bus


def test_no_device_is_put_where_a_user_has_put_one() -> None:
    chosen = Wish(key="d", at="0000:01:00.0")
    places = layout(guest(), wishes("n", 1), [chosen, *wishes("o", 1)]).addresses
    assert [places[key]["bus"] for key in ("d", "n0", "o0")] == ["0x01", "0x02", "0x06"]
    on_root = guest(annotations={"kubevirt.io/placePCIDevicesOnRootComplex": "true"})
    places = layout(on_root, [], [Wish(key="d", at="0000:00:04.0"), *wishes("o", 2)]).addresses
    assert [places[key]["slot"] for key in ("d", "o0", "o1")] == ["0x04", "0x03", "0x05"]
    with pytest.raises(CannotBuild, match="more than the root bus has slots"):
        layout(on_root, [], wishes("o", 29))
