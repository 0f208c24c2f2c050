"""Metrics, health and logs as others read them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from virt_model.monitoring.row import Kind, Row
from virt_runtime import log
from virt_runtime.metrics import Metrics
from virt_runtime.serve import operations_app, serving

VMI = {"kind": "VirtualMachineInstance", "metadata": {"namespace": "ns", "name": "a", "uid": "u"}}
TABLE = (Row(name="x_total", kind=Kind.COUNTER, doc="Things.", labels=("kind",)),)


async def test_the_servers_pages() -> None:
    metrics, sick = Metrics(TABLE), [None, "broken"]
    metrics.counter("x_total").labels("a").inc()
    state: list[str | None] = [sick[0]]
    app = operations_app(metrics, lambda: state[0], lambda: True)
    async with serving(app, 0, None, "127.0.0.1") as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        assert 'x_total{kind="a"} 1' in await (await http.get("/metrics")).text()
        assert (await http.get("/healthz")).status == 200
        assert await (await http.get("/leader")).json() == {"apiserver": {"leader": "true"}}
        state[0] = sick[1]
        answer = await http.get("/healthz")
        assert (answer.status, await answer.text()) == (500, "broken")


def test_log_lines_are_json() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonFormatter("virt-x"))
    logger = logging.getLogger("test.json")
    logger.propagate, logger.handlers = False, [handler]
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it %s", "failed", extra=log.about(VMI) | {"seconds": {1}})
    line = json.loads(stream.getvalue())
    assert (line["component"], line["level"], line["msg"]) == ("virt-x", "error", "it failed")
    assert [line[key] for key in ("kind", "namespace", "name", "uid")] == ["VirtualMachineInstance", "ns", "a", "u"]
    assert "ValueError: why" in line["stacktrace"]
    assert len(stream.getvalue().splitlines()) == 1


def test_what_is_not_known_of_an_object_is_left_out() -> None:
    assert log.about(kind="Node", name="n1") == {"about_object": {"kind": "Node", "name": "n1"}}


@pytest.mark.parametrize(
    ("verbosity", "level"), [(0, "WARNING"), (1, "INFO"), (2, "INFO"), (3, "INFO"), (4, "DEBUG"), (9, "DEBUG")]
)
def test_verbosity_takes_effect_at_once(verbosity: int, level: str) -> None:
    before = logging.getLogger().level
    try:
        log.set_verbosity(verbosity)
        assert logging.getLevelName(logging.getLogger("virt_x.deep").getEffectiveLevel()) == level
    finally:
        logging.getLogger().setLevel(before)


DAEMON = """
import asyncio
from virt_runtime.errors import Unreachable
from virt_runtime.process import run_daemon, together
async def fail():
    raise Unreachable(0, "Unreachable", "nobody there")
async def wait():
    print("up", flush=True)
    await asyncio.Event().wait()
run_daemon(lambda: together({parts}))
"""


async def daemon(parts: str) -> asyncio.subprocess.Process:
    root = Path(__file__).parents[3]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DAEMON.format(parts=parts),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


async def test_a_signal_ends_a_daemon_well() -> None:
    process = await daemon("wait(), wait()")
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_known_failure_is_one_line_and_exit_1() -> None:
    process = await daemon("wait(), fail()")
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert errors.decode().strip() == "nobody there"
