"""Following a migration until it is over."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from virt_model import labels
from virt_runtime.errors import ApiError, NotFound
from virt_runtime.resources import EVENTS, VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, VIRTUAL_MACHINE_INSTANCES
from virtctl.failure import CommandFailed
from virtctl.plan import migration as words

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

Json = dict[str, Any]
LOOK_EVERY = 1.0
_CLEAR = "\r\x1b[K"


async def known(kube: KubeClient, namespace: str, vm: str) -> frozenset[str]:
    """UIDs of the migrations that the VM has."""
    return frozenset(each["metadata"]["uid"] for each in await migrations_of(kube, namespace, vm))


async def follow(kube: KubeClient, namespace: str, vm: str, before: frozenset[str], every: float = LOOK_EVERY) -> None:
    """Tell of the migration that is not among `before` until it is over. Raises CommandFailed unless it succeeds."""
    found = [each for each in await migrations_of(kube, namespace, vm) if each["metadata"]["uid"] not in before]
    if not found:
        raise CommandFailed(f"VM {vm}: the migration is not there any more: it was called off")
    migration, show = found[0], _Display(sys.stdout.isatty())
    while True:
        vmi = await _vmi(kube, namespace, vm)
        show.now(migration, vmi)
        if words.over(migration):
            break
        await asyncio.sleep(every)
        present = await _again(kube, namespace, migration)
        if present is None:
            show.end()
            raise CommandFailed(f"VM {vm}: the migration was called off")
        migration = present
    show.end()
    if words.phase_of(migration) == "Failed":
        told = await _last_event(kube, namespace, migration)
        raise CommandFailed(f"VM {vm} was not migrated: {words.failure(migration, vmi, told)}")
    node = ((vmi or {}).get("status") or {}).get("nodeName", "")
    click.echo(f"VM {vm} was migrated to node {node}")


class _Display:
    """One line that is rewritten on a terminal; elsewhere a line for each change."""

    def __init__(self, terminal: bool) -> None:
        self._terminal, self._last = terminal, ""

    def now(self, migration: Json, vmi: Json | None) -> None:
        text = words.bar(migration, vmi) if self._terminal else words.line(migration, vmi)
        if text != self._last:
            click.echo(f"{_CLEAR}{text}" if self._terminal else text, nl=not self._terminal)
        self._last = text

    def end(self) -> None:
        if self._terminal and self._last:
            click.echo()


async def migrations_of(kube: KubeClient, namespace: str, vm: str) -> list[Json]:
    """Those under way and those that are over."""
    selector = f"{labels.MIGRATION_VMI_NAME}=={vm}"
    return await kube.list(VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, namespace, label_selector=selector)


async def _vmi(kube: KubeClient, namespace: str, vm: str) -> Json | None:
    try:
        return await kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, vm)
    except NotFound:
        return None


async def _again(kube: KubeClient, namespace: str, migration: Json) -> Json | None:
    metadata = migration["metadata"]
    try:
        found = await kube.get(VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, namespace, metadata["name"])
    except NotFound:
        return None
    return found if found["metadata"]["uid"] == metadata["uid"] else None


async def _last_event(kube: KubeClient, namespace: str, migration: Json) -> str:
    """The message of the last Warning about it, "" where there is none or it may not be read."""
    query = f"involvedObject.uid={migration['metadata']['uid']},type=Warning"
    try:
        events = await kube.list(EVENTS, namespace, field_selector=query)
    except ApiError:
        return ""
    last = max(events, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""), default={})
    return str(last.get("message") or "")
