"""Where an agent waits for guests, by what its pod's network has; the network is a real one, made for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.unit.virt_handler.wire_world import inside, new_namespace
from virt_handler.adapters.migration_address import NoAddress, migration_address
from virt_model.migration_way import INTERFACE

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="making a network namespace needs root and iproute2"
)
OWN = "10.244.1.7"


@pytest.fixture
def pod() -> Iterator[int]:
    """A network that vanishes with its descriptor."""
    namespace = new_namespace()
    yield namespace
    os.close(namespace)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


@pytest.mark.parametrize(
    ("addresses", "found"),
    [(["192.168.7.2/24"], "192.168.7.2"), (["169.254.3.4/16", "fd00:7::2/64"], "fd00:7::2")],
)
def test_the_network_of_migrations_comes_first(pod: int, addresses: list[str], found: str) -> None:
    def look() -> str:
        ip("link", "add", INTERFACE, "type", "veth", "peer", "name", "far")
        for each in addresses:
            ip("address", "add", each, "dev", INTERFACE, *(["nodad"] if ":" in each else []))
        return migration_address(OWN)

    assert inside(pod, look) == found


def test_without_it_the_pod_s_own_address_does(pod: int) -> None:
    assert inside(pod, lambda: migration_address(OWN)) == OWN


def test_one_without_an_address_is_a_mistake_that_is_told(pod: int) -> None:
    def look() -> str:
        ip("link", "add", INTERFACE, "type", "veth", "peer", "name", "far")
        return migration_address(OWN)

    with pytest.raises(NoAddress, match="migration0 has no address"):
        inside(pod, look)
