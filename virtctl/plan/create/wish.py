"""What `virtctl create vm` was asked for, and the manifest as it grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from virtctl.plan.create.params import Form, Params, checked_name, wrong

Json = dict[str, Any]
CLOUD_INIT_DISK = "cloudinitdisk"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The flags by their names. `said` are those that were given rather than left to their defaults."""

    name: str
    namespace: str = ""
    run_strategy: str = "Always"
    termination_grace_period: int = 180
    memory: str = "512Mi"
    instancetype: str = ""
    infer_instancetype: bool = True
    infer_instancetype_from: str = ""
    preference: str = ""
    infer_preference: bool = True
    infer_preference_from: str = ""
    volume_containerdisk: tuple[str, ...] = ()
    volume_pvc: tuple[str, ...] = ()
    volume_import: tuple[str, ...] = ()
    volume_sysprep: str = ""
    volume_datasource: tuple[str, ...] = ()
    volume_clone_pvc: tuple[str, ...] = ()
    volume_blank: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    ssh_key: tuple[str, ...] = ()
    ga_manage_ssh: bool = False
    access_cred: tuple[str, ...] = ()
    cloud_init: str = "nocloud"
    cloud_init_user_data: str = ""
    cloud_init_network_data: str = ""
    said: frozenset[str] = frozenset()


class Draft:
    """The manifest as it grows, flag by flag."""

    def __init__(self, wish: Wish, fresh: Callable[[], str]) -> None:
        self.wish, self.fresh = wish, fresh  # `fresh`: five letters that nobody has had
        self.boot_orders: dict[int, str] = {}
        self.warnings: list[str] = []
        self.guest: Json = {
            "terminationGracePeriodSeconds": wish.termination_grace_period,
            "domain": {"devices": {}, "memory": {"guest": wish.memory}, "resources": {}},
        }
        self.spec: Json = {"runStrategy": wish.run_strategy, "template": {"metadata": {}, "spec": self.guest}}

    @property
    def manifest(self) -> Json:
        metadata = {"name": self.wish.name} | ({"namespace": self.wish.namespace} if self.wish.namespace else {})
        return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": metadata, "spec": self.spec}

    @property
    def volumes(self) -> list[Json]:
        found: list[Json] = self.guest.setdefault("volumes", [])
        return found

    def volume(self, name: str) -> Json | None:
        return next((each for each in self.guest.get("volumes") or () if each["name"] == name), None)

    def add_volume(self, flag: str, name: str, source: Json) -> None:
        if self.volume(checked_name(flag, name)) is not None:
            raise wrong(flag, f'there is already a volume with name "{name}"')
        self.volumes.append({"name": name, **source})

    def boots(self, flag: str, name: str, order: str | None) -> None:
        """Give a volume a disk with a place in the boot order, where one was asked for."""
        if order is None:
            return
        place = int(order)
        if place == 0:
            raise wrong(flag, "bootorder must be greater than 0")
        if place in self.boot_orders:
            raise wrong(flag, f"bootorder {place} was specified multiple times")
        self.boot_orders[place] = name
        devices = self.guest["domain"]["devices"]
        devices.setdefault("disks", []).append({"name": name, "bootOrder": place})


def texts(*keys: str) -> Params:
    return dict.fromkeys(keys, Form.TEXT)
