"""What every launcher of this node is told: the cluster's options, and what libvirt already learned about QEMU."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from virt_handler.plan.network import Wiring
from virt_handler.plan.pod import compute_image
from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError
from virt_ipc.messages import InterfaceAttachment, Smbios, SyncOptions
from virt_model import labels
from virt_model.config import ClusterConfig
from virt_model.console_log import CONTAINER, is_logged

LOG = logging.getLogger(__name__)
Json = dict[str, Any]
Cache = dict[str, bytes]
_CACHE_NAME = re.compile(r"[0-9a-f]{64}\.xml")
_MAX_IMAGES = 8


class LauncherSettings:
    """The capability cache is kept per launcher image, in memory: another image has another QEMU."""

    def __init__(self, config: Callable[[], ClusterConfig], kvm_usable: bool, image: str, cache: Cache) -> None:
        self._config, self._kvm_usable = config, kvm_usable
        self._caches: dict[str, Cache] = {image: cache} if cache else {}

    def sync_options(self, vmi: Json, wirings: tuple[Wiring, ...], pod: Json | None) -> SyncOptions:
        config = self._config()
        annotations = vmi["metadata"].get("annotations") or {}
        smbios = config.smbios
        return SyncOptions(
            allow_emulation=config.use_emulation, kvm_usable=self._kvm_usable,
            interfaces=[
                InterfaceAttachment(
                    name=wiring.network, tap=wiring.names.tap, mac=wiring.guest_mac, mtu=wiring.link.mtu,
                    queues=wiring.queues,
                )
                for wiring in wirings
            ],
            smbios=Smbios(manufacturer=smbios.manufacturer, product=smbios.product, family=smbios.family,
                          version=smbios.version, sku=smbios.sku),
            balloon_stats_period=config.mem_balloon_stats_period,
            free_page_reporting=not (
                config.free_page_reporting_disabled or labels.FREE_PAGE_REPORTING_DISABLED in annotations
            ),
            log_serial=_logs_serial(config, vmi, pod),
            verbosity=_verbosity(config, vmi),
        )  # fmt: skip

    def encoded(self, vmi: Json) -> bytes:
        return msgspec.json.encode(vmi)

    def capability_cache(self, pod: Json | None) -> Cache:
        return self._caches.get(compute_image(pod), {})

    async def learn(self, pod: Json | None, client: LauncherClient) -> None:
        """Keep what this launcher had to find out by itself. It comes from a pod: never parsed, only handed on."""
        try:
            files = await client.capability_cache()
        except IpcError as error:
            LOG.info("the launcher's capability cache was not read: %s", error)
            return
        if files and (len(self._caches) < _MAX_IMAGES or compute_image(pod) in self._caches):
            self._caches[compute_image(pod)] = files


def _verbosity(config: ClusterConfig, vmi: Json) -> int:
    """The VMI's own label counts first, where it is a level."""
    said = str((vmi["metadata"].get("labels") or {}).get(labels.LOG_VERBOSITY) or "")
    return int(said) if len(said) == 1 and said in "0123456789" else config.verbosity("virt-launcher")


def _logs_serial(config: ClusterConfig, vmi: Json, pod: Json | None) -> bool:
    """Whether there is somebody to read it: the pod was made when the cluster's default may have been another."""
    if pod is not None:
        return any(each.get("name") == CONTAINER for each in _containers(pod))
    devices = vmi["spec"]["domain"].get("devices", {})
    return is_logged(devices.get("autoattachSerialConsole"), devices.get("logSerialConsole"), config)


def _containers(pod: Json | None) -> list[Json]:
    found: list[Json] = ((pod or {}).get("spec") or {}).get("containers") or []
    return found


def read_cache(directory: Path) -> Cache:
    """libvirt's cache files that the probe of the launcher image left, wherever below `directory` they are."""
    if not directory.is_dir():
        return {}
    found = sorted(path for path in directory.rglob("*.xml") if _CACHE_NAME.fullmatch(path.name))
    return {path.name: path.read_bytes() for path in found[:4]}
