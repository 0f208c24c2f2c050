"""`virtctl create vm`: the manifest of a VM, from flags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, exclusive, said
from virtctl.manifest import fresh, show
from virtctl.plan.create.imports import IMPORTS
from virtctl.plan.create.login import CREDENTIAL
from virtctl.plan.create.params import supported
from virtctl.plan.create.volumes import SOURCE, SYSPREP

F = TypeVar("F", bound=Callable[..., Any])
_MANY = "Can be provided multiple times."
_SOURCE = supported(SOURCE)
_ORDER = "Containerdisk > PVC > DataSource > Clone PVC > Blank > Imported volumes"
_HELP = f"""Create a VirtualMachine manifest.

If no boot order was specified volumes have the following fixed boot order: {_ORDER}"""
_IMPORT = "\n\n".join(
    (
        f"Specify the source for DataVolume. {_MANY} Types and their parameters:",
        *(f"type {name} - {supported(each.params)}" for name, each in IMPORTS.items()),
    )
)


def _option(name: str, text: str, **more: Any) -> Callable[[F], F]:
    return click.option(name, help=text, **{"default": "", **more})


def _old(name: str, kind: str) -> Callable[[F], F]:
    text = f"DEPRECATED: Use --volume-import with type:{kind} and same params instead."
    return click.option(name, multiple=True, help=text)


@click.command(short_help="Create a VirtualMachine manifest.", help=_HELP)
@_option("--name", "Specify the name of the VM.")
@_option("--run-strategy", "Specify the RunStrategy of the VM.", default="Always", show_default=True)
@_option("--termination-grace-period", "Specify the grace period of the VM.", type=int, default=180, show_default=True)
@_option("--memory", "Specify the memory of the VM.", default="512Mi", show_default=True)
@_option("--instancetype", "Specify the Instance Type of the VM.")
@click.option("--infer-instancetype/--no-infer-instancetype", default=True, help="Infer it from the first boot disk.")
@_option("--infer-instancetype-from", "Specify the volume to infer the Instance Type of the VM from.")
@_option("--preference", "Specify the Preference of the VM.")
@click.option("--infer-preference/--no-infer-preference", default=True, help="Infer it from the first boot disk.")
@_option("--infer-preference-from", "Specify the volume to infer the Preference of the VM from.")
@click.option("--volume-containerdisk", multiple=True, help=f"Specify a containerdisk. {_MANY} {_SOURCE}")
@click.option("--volume-pvc", multiple=True, help=f"Specify a PVC. {_MANY} {_SOURCE}")
@click.option("--volume-import", multiple=True, help=_IMPORT)
@_option("--volume-sysprep", "Specify a ConfigMap or Secret with sysprep answers. " + supported(SYSPREP))
@_option("--user", "Specify the user in the cloud-init user data.")
@_option("--password-file", "Specify a file to read the password for the cloud-init user data from.")
@click.option("--ssh-key", multiple=True, help="Specify one or more SSH keys in the cloud-init user data.")
@click.option("--ga-manage-ssh", is_flag=True, help="Let the guest agent manage SSH keys (SELinux).")
@click.option(
    "--access-cred",
    multiple=True,
    help=f"Specify an access credential. {_MANY} {supported(CREDENTIAL)}",
)
@_option("--cloud-init", "Specify the type of cloud-init data: nocloud, configdrive, none.", default="nocloud")
@_option("--cloud-init-user-data", "Specify the base64 encoded cloud-init user data of the VM.")
@_option("--cloud-init-network-data", "Specify the base64 encoded cloud-init network data of the VM.")
@_old("--volume-datasource", "ds")
@_old("--volume-clone-pvc", "pvc")
@_old("--volume-blank", "blank")
@cluster_flags(but="--user")
@click.pass_context
def vm(context: click.Context, /, name: str, password_file: str, ssh_key: tuple[str, ...], **flags: Any) -> None:
    """From the flags to standard output; warnings go to standard error."""
    from virtctl.plan.create.vm import virtual_machine
    from virtctl.plan.create.wish import Wish

    exclusive(context, "memory", "instancetype", "infer-instancetype", "infer-instancetype-from")
    exclusive(context, "preference", "infer-preference", "infer-preference-from")
    for other in ("user", "password-file", "ssh-key", "ga-manage-ssh"):
        exclusive(context, "cloud-init-user-data", other)
    wish = Wish(
        name=name or f"vm-{fresh()}",
        namespace=str((context.obj or {}).get("namespace") or ""),
        password=_password(password_file),
        ssh_key=tuple(key for keys in ssh_key for key in keys.split(",")),
        said=said(context),
        **flags,
    )
    manifest, warnings = virtual_machine(wish, fresh)
    for warning in warnings:
        click.echo(warning, err=True)
    show(manifest)


def _password(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        reason = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise CommandFailed(f'failed to parse "--password-file" flag: {reason}') from error
