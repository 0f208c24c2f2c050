"""From a Sync request to the domain's XML: decode, check, prepare the files, render."""

from __future__ import annotations

import os

import msgspec

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import SyncOptions, SyncRequest
from virt_launcher.adapters import volumes
from virt_launcher.adapters.machine import Built, Identity
from virt_launcher.plan import domain, firmware
from virt_launcher.plan.given import Accelerator, Given, Nic, SystemStrings
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.unsupported import check


class Build:
    """A Builder (see `adapters.service`) for the VMI that this launcher was started for."""

    def __init__(self, identity: Identity, ovmf_dir: str) -> None:
        self._identity = identity
        self._ovmf_dir = ovmf_dir
        self._decoder = msgspec.json.Decoder(Guest)

    def __call__(self, request: SyncRequest) -> Built:
        """Raises LauncherRefused with a sentence for its user."""
        try:
            guest = self._decoder.decode(request.vmi)
            self._check_identity(guest)
            check(guest)
            return Built(
                xml=domain.render(self._given(guest, request.options)),
                paused=guest.starts_paused,
                credentials=guest.spec.access_credentials,
            )
        except msgspec.MsgspecError as error:
            raise LauncherRefused(f"the VMI cannot be read: {error}") from error
        except CannotBuild as refusal:
            raise LauncherRefused(str(refusal)) from refusal

    def _check_identity(self, guest: Guest) -> None:
        wanted = (self._identity.namespace, self._identity.name, self._identity.uid)
        meta = guest.metadata
        if (meta.namespace, meta.name, meta.uid) != wanted:
            raise CannotBuild(
                f"this launcher is for {'/'.join(wanted)}, not for {meta.namespace}/{meta.name}/{meta.uid}"
            )

    def _given(self, guest: Guest, options: SyncOptions) -> Given:
        names = options.smbios
        uefi = firmware.choose(guest, self._ovmf_dir, _listed(self._ovmf_dir))
        if uefi:
            os.makedirs(os.path.dirname(uefi.nvram), exist_ok=True)
        return Given(
            guest=guest,
            accelerator=_accelerator(options),
            sources=volumes.prepare(guest),
            nics=tuple(
                Nic(name=nic.name, tap=nic.tap, mac=nic.mac, mtu=nic.mtu, queues=nic.queues)
                for nic in options.interfaces
            ),
            smbios=SystemStrings(
                manufacturer=names.manufacturer,
                product=names.product,
                family=names.family,
                version=names.version,
                sku=names.sku,
            ),
            balloon_stats_period=options.balloon_stats_period,
            free_page_reporting=options.free_page_reporting,
            log_serial=options.log_serial,
            firmware=uefi,
        )


def _accelerator(options: SyncOptions) -> Accelerator:
    if options.kvm_usable:
        return Accelerator.KVM
    if options.allow_emulation:
        return Accelerator.EMULATION
    raise CannotBuild("kvm not present and emulation is not allowed")


def _listed(directory: str) -> frozenset[str]:
    return frozenset(os.listdir(directory)) if os.path.isdir(directory) else frozenset()
