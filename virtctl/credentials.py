"""`virtctl credentials`: SSH keys and passwords of users in a guest, kept in Secrets that the VM names."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, exclusive, require, without_command
from virtctl.manifest import fresh
from virtctl.plan import credentials as plan

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])
Change = Callable[["KubeClient", str, Json], Awaitable[str]]
_TRIES = 5
_vm = click.argument("vm", metavar="(VM)")
_user = click.option("--user", "-u", default="", help="Name of the user.")
_secret = click.option("--secret", default="", help="Name of the secret, where the VM names several.")
_force = click.option("--force", is_flag=True, help="Force update of secret, even if it's not owned by the VM.")


@click.group(short_help="Manipulate credentials on a virtual machine.", invoke_without_command=True)
@cluster_flags()
@click.pass_context
def credentials(context: click.Context) -> None:
    """Manipulate credentials on a virtual machine."""
    without_command(context)


def _key_flags(function: F) -> F:
    function = click.option("--value", default="", help="Literal value of the SSH public key.")(function)
    return click.option("--file", "-f", default="", help="Path to the SSH public key file.")(function)


@credentials.command(name="add-ssh-key", short_help="Add credentials to a virtual machine.")
@_vm
@_user
@_secret
@_key_flags
@click.option("--create-secret", is_flag=True, help="Create a new secret; a running VM takes it after a restart.")
@click.option("--update-secret", is_flag=True, help="Add the SSH key to an existing secret.")
@_force
@cluster_flags(but="--user")
@click.pass_context
def add_ssh_key(
    context: click.Context,
    vm: str,
    user: str,
    secret: str,
    file: str,
    value: str,
    create_secret: bool,
    update_secret: bool,
    force: bool,
) -> None:
    """Add an SSH key to a secret of the VM, or to a new one where it has none for the user."""
    require(context, "user")
    exclusive(context, "file", "value")
    exclusive(context, "create-secret", "update-secret")
    key = _key(file, value)

    async def change(kube: KubeClient, namespace: str, machine: Json) -> str:
        secrets = plan.ssh_secrets(machine, user)
        if create_secret or not (update_secret or secrets):
            return await _create(kube, namespace, machine, user, key, force=force)
        if not secrets:
            raise CommandFailed(f"no secrets specified for user: {user}")
        return await _add(kube, namespace, machine, plan.chosen(secret, secrets), key, force=force)

    _change(context, vm, change)


@credentials.command(name="remove-ssh-key", short_help="Remove credentials from a virtual machine.")
@_vm
@_user
@_secret
@_key_flags
@_force
@cluster_flags(but="--user")
@click.pass_context
def remove_ssh_key(context: click.Context, vm: str, user: str, secret: str, file: str, value: str, force: bool) -> None:
    """Remove an SSH key from the secrets of the VM."""
    require(context, "user")
    exclusive(context, "file", "value")
    key = _key(file, value)

    async def change(kube: KubeClient, namespace: str, machine: Json) -> str:
        secrets = plan.ssh_secrets(machine, user)
        if not secrets:
            return f"No secrets associated with user {user}"
        if secret and secret not in secrets:
            raise CommandFailed(f"secret {secret} is not associated with user {user}")
        for name in [secret] if secret else secrets:
            await _remove(kube, namespace, machine, name, key, force=force)
        return ""

    _change(context, vm, change)


@credentials.command(name="set-password", short_help="Set password for a user")
@_vm
@_user
@_secret
@click.option("--password", "-p", default="", help="Password for the user")
@_force
@cluster_flags(but="--user")
@click.pass_context
def set_password(context: click.Context, vm: str, user: str, secret: str, password: str, force: bool) -> None:
    """Set a user's password in the secret of the VM."""
    require(context, "user", "password")

    async def change(kube: KubeClient, namespace: str, machine: Json) -> str:
        from virt_runtime.resources import SECRETS

        secrets = plan.password_secrets(machine)
        if not secrets:
            raise CommandFailed("no secrets assigned to UserPassword AccessCredentials")
        name = plan.chosen(secret, secrets)
        kept = await _kept(kube, namespace, name)
        if not force:
            plan.check_owned(kept, machine)
        with _saying(f'error patching secret "{name}"'):
            await kube.json_patch(SECRETS, namespace, name, plan.data_patch(kept, user, password))
        return f'Successfully set password in secret "{name}"'

    _change(context, vm, change)


def _key(file: str, value: str) -> str:
    if value:
        return value
    if not file:
        raise CommandFailed("error getting ssh key: one of --file, or --value must be specified")
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(f"error getting ssh key: open {file}: {reason}") from error


def _change(context: click.Context, vm: str, change: Change) -> None:
    from virt_runtime.resources import VIRTUAL_MACHINES

    access = access_of(context)

    async def run(kube: KubeClient) -> str:
        with _saying("error getting virtual machine"):
            machine = await kube.get(VIRTUAL_MACHINES, access.namespace, vm)
        return await change(kube, access.namespace, machine)

    if said := with_client(access, run):
        click.echo(said)


async def _create(kube: KubeClient, namespace: str, vm: Json, user: str, key: str, *, force: bool) -> str:
    """A Secret of its own. One that the VM cannot name, because that is refused, is taken away again."""
    from virt_runtime.errors import ApiError
    from virt_runtime.resources import SECRETS, VIRTUAL_MACHINES

    name = vm["metadata"]["name"]
    if not force and await _runs(kube, namespace, name):
        text = "Use --force flag to update a running VM, it will take effect after restart"
        raise CommandFailed(f"virtual machine {name} is running. {text}")
    with _saying("error creating secret"):
        secret = await kube.create(SECRETS, namespace, plan.new_secret(vm, f"ssh-key-{fresh()}", key))
    made = secret["metadata"]["name"]
    try:
        await kube.json_patch(VIRTUAL_MACHINES, namespace, name, plan.credential_patch(vm, made, user))
    except ApiError as error:
        with contextlib.suppress(ApiError):
            await kube.delete(SECRETS, namespace, made)
        raise CommandFailed(f"error patching virtual machine: {error.message}") from error
    return ""


async def _runs(kube: KubeClient, namespace: str, name: str) -> bool:
    from virt_runtime.errors import NotFound
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES

    try:
        with _saying("error when getting virtual machine instance", but=NotFound):
            await kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
    except NotFound:
        return False
    return True


async def _add(kube: KubeClient, namespace: str, vm: Json, name: str, key: str, *, force: bool) -> str:
    from virt_runtime.resources import SECRETS

    secret = await _kept(kube, namespace, name)
    if plan.contains(secret, key):
        return f'Secret "{name}" already contains this SSH key.'
    if not force:
        plan.check_owned(secret, vm)
    with _saying(f'error patching secret "{name}"'):
        await kube.json_patch(SECRETS, namespace, name, plan.data_patch(secret, f"ssh-key-{fresh()}", key))
    return f'Successfully added the key to secret "{name}"'


async def _remove(kube: KubeClient, namespace: str, vm: Json, name: str, key: str, *, force: bool) -> None:
    """A Secret that is not there holds no key. Somebody else's change in between is taken up."""
    from virt_runtime.errors import Conflict, NotFound
    from virt_runtime.resources import SECRETS

    for attempt in range(_TRIES):
        try:
            with _saying(f'error updating secret "{name}"', but=(NotFound, Conflict)):
                secret = await kube.get(SECRETS, namespace, name)
                if not force:
                    plan.check_owned(secret, vm)
                await kube.replace(SECRETS, namespace, name, {**secret, "data": plan.without_key(secret, key)})
            return
        except NotFound:
            return
        except Conflict as error:
            if attempt + 1 == _TRIES:
                raise CommandFailed(error.message) from error


async def _kept(kube: KubeClient, namespace: str, name: str) -> Json:
    from virt_runtime.resources import SECRETS

    with _saying(f'error getting secret "{name}"'):
        return await kube.get(SECRETS, namespace, name)


@contextlib.contextmanager
def _saying(what: str, but: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """A refusal of the API becomes `what: its words`; those of `but` pass."""
    from virt_runtime.errors import ApiError

    try:
        yield
    except but:
        raise
    except ApiError as error:
        raise CommandFailed(f"{what}: {error.message}") from error
