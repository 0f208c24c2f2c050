"""Streams are counted while they are open."""

from __future__ import annotations

import pytest

from virt_api.adapters.stream_metrics import StreamMeter
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_runtime.clock import RealClock
from virt_runtime.metrics import Metrics


async def shown(metrics: Metrics) -> list[str]:
    return [line for line in (await metrics.exposition()).decode().splitlines() if not line.startswith("#")]


async def test_open_streams_are_counted_and_the_last_call_is_kept() -> None:
    metrics = Metrics(rows_of(Component.API))
    meter = StreamMeter(metrics, RealClock())
    vnc = 'kubevirt_vnc_active_connections{namespace="ns",vmi="a"}'
    with meter.open("vnc", "ns", "a"), meter.open("vnc", "ns", "a"):
        assert f"{vnc} 2" in await shown(metrics)
    left = await shown(metrics)
    assert len(left) == 1 and left[0].startswith("kubevirt_vmi_last_api_connection_timestamp_seconds")


async def test_a_stream_that_breaks_is_closed_too() -> None:
    metrics = Metrics(rows_of(Component.API))
    meter = StreamMeter(metrics, RealClock())
    with pytest.raises(ConnectionError), meter.open("console", "ns", "a"):
        raise ConnectionError
    assert not [line for line in await shown(metrics) if "active" in line]


async def test_what_is_remembered_is_bounded() -> None:
    metrics = Metrics(rows_of(Component.API))
    meter = StreamMeter(metrics, RealClock())
    for number in range(StreamMeter.REMEMBERED + 10):
        with meter.open("console", "ns", f"vm{number}"):
            pass
    assert len(await shown(metrics)) == StreamMeter.REMEMBERED
