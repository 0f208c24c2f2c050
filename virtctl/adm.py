"""`virtctl adm`: what administrators of a cluster do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, without_command
from virtctl.plan import log_verbosity as plan

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])
_HELP = """Show, set or reset the log verbosity (0-9) of components and of VMs.

Without a value, --virt-api and the like show; --virt-api=3 sets. A VM takes a new verbosity when it is started."""


@click.group(short_help="Administrate KubeVirt configuration.", invoke_without_command=True)
@cluster_flags()
@click.pass_context
def adm(context: click.Context) -> None:
    """Administrate KubeVirt configuration."""
    without_command(context)


def _component(name: str) -> Callable[[F], F]:
    text = f"show/set the log verbosity (0-9) of {name}"
    return click.option(f"--{name}", default=None, is_flag=False, flag_value=plan.SHOW, metavar="[=LEVEL]", help=text)


@adm.command(name="log-verbosity", short_help="Show, Set or Reset the log verbosity.", help=_HELP)
@_component("virt-api")
@_component("virt-controller")
@_component("virt-handler")
@_component("virt-launcher")
@_component("virt-operator")
@_component("all")
@click.option("--reset", multiple=True, is_flag=False, flag_value=plan.ALL, metavar="[=VM]", help="Back to default.")
@click.option("--vm", multiple=True, help="VM name")
@click.option("--level", multiple=True, help="the log verbosity (0-9) for a VM")
@cluster_flags()
@click.pass_context
def log_verbosity(
    context: click.Context, /, reset: tuple[str, ...], vm: tuple[str, ...], level: tuple[str, ...], **components: str
) -> None:
    """Read, decide, then show or write."""
    given = {name.replace("_", "-"): value for name, value in components.items() if value is not None}
    wish = plan.Wish(components=given, vms=_each(vm), levels=_each(level), reset=_each(reset))
    plan.check(wish)
    if not (wish.shows or wish.sets):
        click.echo(context.get_help())
        raise CommandFailed("no flag specified - expecting at least one flag")
    access = access_of(context)

    async def run(kube: KubeClient) -> list[str]:
        kubevirt = await _kubevirt(kube)
        if wish.shows:
            return await _shown(kube, access.namespace, wish, kubevirt)
        return await _written(kube, access.namespace, wish, kubevirt)

    for line in _refusals(lambda: with_client(access, run)):
        click.echo(line)


def _each(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.split(","))


def _refusals(call: Any) -> list[str]:
    from virt_runtime.errors import ApiError

    try:
        lines: list[str] = call()
    except ApiError as error:
        raise CommandFailed(error.message) from error
    return lines


async def _kubevirt(kube: KubeClient) -> Json:
    from virt_runtime.resources import KUBEVIRTS

    found = await kube.list(KUBEVIRTS)
    if not found:
        raise CommandFailed("could not detect a KubeVirt installation")
    if len(found) > 1:
        raise CommandFailed("invalid kubevirt installation, more than one KubeVirt resource found")
    return found[0]


async def _vm(kube: KubeClient, namespace: str, name: str) -> Json:
    from virt_runtime.errors import ApiError
    from virt_runtime.resources import VIRTUAL_MACHINES

    try:
        return await kube.get(VIRTUAL_MACHINES, namespace, name)
    except ApiError as error:
        raise CommandFailed(f"error fetching Virtual Machine: {error.message}") from error


async def _shown(kube: KubeClient, namespace: str, wish: plan.Wish, kubevirt: Json) -> list[str]:
    lines = plan.component_lines(wish, kubevirt)
    for name in wish.vms:
        vm = await _vm(kube, namespace, name)
        lines += plan.vm_lines(vm, kubevirt, await _running(kube, namespace, name))
    return lines


async def _running(kube: KubeClient, namespace: str, name: str) -> Json | None:
    from virt_runtime.errors import NotFound
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES

    try:
        return await kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
    except NotFound:
        return None


async def _written(kube: KubeClient, namespace: str, wish: plan.Wish, kubevirt: Json) -> list[str]:
    from virt_runtime.resources import KUBEVIRTS, VIRTUAL_MACHINES

    vms = {name: await _vm(kube, namespace, name) for name in (*wish.vms, *wish.reset_vms)}
    patch, lines = plan.component_patch(wish, kubevirt)
    if patch:
        metadata = kubevirt["metadata"]
        await kube.json_patch(KUBEVIRTS, metadata["namespace"], metadata["name"], patch)
    changes = [(name, plan.remove_label(vms[name]), "removed", "reset") for name in wish.reset_vms]
    changes += [
        (name, plan.set_label(vms[name], level), "set", "new verbosity")
        for name, level in zip(wish.vms, wish.levels, strict=True)
    ]
    for name, ops, done, what in changes:
        if ops:
            await kube.json_patch(VIRTUAL_MACHINES, namespace, name, ops)
        lines.append(f"{name}: successfully {done} the {plan.LABEL} label - need to (re)start vm to apply the {what}")
    return lines
