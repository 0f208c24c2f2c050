"""The images: which layers, which of podvirt's packages, which commands."""

from __future__ import annotations

from collections.abc import Mapping

from images.recipe import OTHER_USER, QEMU_USER, ImageRecipe, Shim


def _component(name: str, title: str, *, user: int = OTHER_USER) -> ImageRecipe:
    package = name.replace("-", "_")
    return ImageRecipe(
        layers=("base", "components"),
        ships=("api", "virt_model", "virt_runtime", "virt_ipc", package),
        shims=(Shim(path=f"usr/bin/{name}", module=f"{package}.main"),),
        entrypoint=f"usr/bin/{name}",
        user=user,
        title=title,
        environment={"CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1"},  # nobody needs the old ciphers: neither ship nor load them
    )


IMAGES: Mapping[str, ImageRecipe] = {
    "virt-operator": _component("virt-operator", "installs podvirt and keeps it installed"),
    "virt-api": _component("virt-api", "serves the aggregated API and the webhooks"),
    "virt-controller": _component("virt-controller", "turns virtual machines into pods"),
    "virt-handler": _component("virt-handler", "the agent on every node", user=0),
    "virt-launcher": ImageRecipe(
        layers=("base", "launcher"),
        ships=("api", "virt_model", "virt_ipc", "virt_launcher"),
        shims=(
            Shim(path="usr/bin/virt-launcher", module="virt_launcher.main", flags="-ISOO"),
            Shim(path="usr/bin/virt-launcher-capabilities", module="virt_launcher.capabilities"),
            Shim(path="usr/bin/virt-probe", module="virt_launcher.probe", flags="-ISOO"),
            Shim(path="usr/bin/virt-freezer", module="virt_launcher.freezer", flags="-ISOO"),
        ),
        entrypoint="usr/bin/virt-launcher-monitor",
        user=QEMU_USER,
        title="runs one virtual machine",
    ),
}
GUESTS = ("guest-tiny",)
"""Guest disks that a plain ``build`` makes."""
LATE_GUESTS = ("guest-debian",)
"""Guest disks that are made when asked for by name."""
