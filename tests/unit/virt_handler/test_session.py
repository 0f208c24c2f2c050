"""How much a launcher may say."""

from __future__ import annotations

from virt_handler.adapters.session import Pace


def test_a_launcher_that_does_not_stop_talking_is_heard_slowly() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert [pace.pause() for _ in range(20)] == [0.0] * 20
    assert pace.pause() == 2.0
    now[0] += 60.0
    assert pace.pause() == 0.0
