"""The cluster as a command sees it, from the flags it was given."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from virtctl.failure import CommandFailed

if TYPE_CHECKING:
    from virt_runtime.access import Access
    from virt_runtime.kube import KubeClient


def access_of(context: click.Context) -> Access:
    """The cluster that the flags mean. Raises CommandFailed."""
    from virt_runtime.access import AccessError
    from virtctl.kubeconfig import Flags, access

    try:
        return access(Flags(**(context.obj or {})))
    except AccessError as error:
        raise CommandFailed(f"error: {error}") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise CommandFailed(f"error: the kubeconfig cannot be used: {error!r}") from error


def with_client(access: Access, call: Callable[[KubeClient], Coroutine[Any, Any, Any]]) -> Any:
    """The result of `call` with a client of the cluster. What the client raises passes through."""
    import asyncio

    from virt_runtime.kube import KubeClient

    async def run() -> Any:
        async with KubeClient.over(access, "virtctl") as kube:
            return await call(kube)

    return asyncio.run(run())
