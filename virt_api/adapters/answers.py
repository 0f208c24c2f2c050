"""HTTP answers: JSON, and failures as Status objects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from virt_api.plan.status import CallFailed, Failure, from_api
from virt_runtime.errors import ApiError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def failure_answer(failure: Failure) -> web.Response:
    if failure.as_text:
        return web.Response(status=failure.code, text=failure.message)
    return json_answer(failure.as_json(), failure.code)


def answering_failures(handler: Handler) -> Handler:
    """A handler whose `CallFailed`, and refusals by the API server, become Status objects."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except CallFailed as failed:
            return failure_answer(failed.failure)
        except ApiError as error:
            return failure_answer(from_api(error.status, error.reason, error.message, error.body))

    return answered
