"""Volumes of a launcher pod and where its compute container mounts them, both in the order that clients know.

The pod's own directories come first and last, what the VMI's volumes need stands between them: images and claims under
the volume's own name, Secrets of cloud-init and of credentials beside. Names in a pod are short and each is there once,
those of a VMI's volumes and Secrets need not be: who comes second gets a name made of the one that it wanted.
"""

from __future__ import annotations

from typing import Any, Final

from api.volume import Volume
from virt_controller.plan.launcher import Launcher
from virt_model import paths
from virt_model.names import free_label

Json = dict[str, Any]
Names = dict[tuple[str, str], str]
"""Name of a volume of the pod, by what it is for (a volume, one of its Secrets, a credential) and the name of that."""
_FIRST: Final = ("private", "public", "sockets", "virt-bin-share-dir", "libvirt-runtime", "ephemeral-disks")
_FIRST_MOUNTS: Final = (
    ("private", paths.PRIVATE),
    ("public", paths.PUBLIC),
    ("ephemeral-disks", paths.EPHEMERAL_DISKS),
    ("libvirt-runtime", paths.LIBVIRT_RUNTIME),
    ("sockets", paths.SOCKETS),
)
_KERNEL_BOOT: Final = "kernel-boot-volume"
_HOTPLUG: Final = "hotplug-disks"
_SUFFIXES: Final = ("udata", "ndata")


def volumes(launcher: Launcher) -> list[Json]:
    """`spec.volumes` of the pod: configuration before images and claims."""
    names = _names(launcher)
    own = [_empty_dir(name) for name in _FIRST]
    theirs = [made for volume, raw in _pairs(launcher) for made in _volumes_of(volume, raw, names)]
    theirs.sort(key=lambda made: "image" in made or "persistentVolumeClaim" in made)
    credentials = _credential_volumes(launcher, names)
    return [*own, *theirs, *credentials, *_kernel_boot_volume(launcher), _empty_dir(_HOTPLUG)]


def mounts(launcher: Launcher) -> list[Json]:
    """`volumeMounts` of the compute container: configuration before images."""
    names = _names(launcher)
    found = [{"name": name, "mountPath": path} for name, path in _FIRST_MOUNTS]
    for volume, _ in _pairs(launcher):
        found += _config_mounts(volume, names)
    found += [
        _read_only(names["credential", secret], paths.access_credential_secret(secret)) for secret in _secrets(launcher)
    ]
    for index, volume in enumerate(launcher.spec.volumes):
        if volume.container_disk is not None:
            found.append(_read_only(names["volume", volume.name], paths.image_volume(index)))
        elif volume.persistent_volume_claim is not None or volume.data_volume is not None:
            found.append({"name": names["volume", volume.name], "mountPath": paths.claim_dir(volume.name)})
    if _kernel_boot_volume(launcher):
        found.append(_read_only(_KERNEL_BOOT, paths.KERNEL_BOOT))
    hotplug = {"name": _HOTPLUG, "mountPath": paths.HOTPLUG_DISKS, "mountPropagation": "HostToContainer"}
    return [*found, hotplug]


def pull_secrets(launcher: Launcher) -> list[Json]:
    """`imagePullSecrets`: of all images in the pod that need one, the launcher's own among them."""
    names = {
        volume.container_disk.image_pull_secret
        for volume in launcher.spec.volumes
        if volume.container_disk is not None and volume.container_disk.image_pull_secret
    }
    return [{"name": name} for name in sorted(names | {*launcher.config.image_pull_secrets})]


def _pairs(launcher: Launcher) -> list[tuple[Volume, Json]]:
    return list(zip(launcher.spec.volumes, launcher.vmi.spec.get("volumes") or [], strict=True))


def _names(launcher: Launcher) -> Names:
    """How the pod calls what the VMI brings: volumes first, then what stands beside them."""
    volumes = [volume.name for volume in launcher.spec.volumes]
    wishes = [(("volume", name), name) for name in volumes]
    wishes += [((suffix, name), f"{name}-{suffix}") for name in volumes for suffix in _SUFFIXES]
    wishes += [(("credential", secret), f"{secret}-access-cred") for secret in _secrets(launcher)]
    taken = {*_FIRST, _KERNEL_BOOT, _HOTPLUG}
    found: Names = {}
    for key, wanted in wishes:
        found[key] = free_label(wanted, taken)
        taken.add(found[key])
    return found


def _empty_dir(name: str) -> Json:
    return {"name": name, "emptyDir": {}}


def _read_only(name: str, path: str) -> Json:
    return {"name": name, "mountPath": path, "readOnly": True}


def _volumes_of(volume: Volume, raw: Json, names: Names) -> list[Json]:
    """What one volume of the VMI needs of the pod; many need nothing."""
    name = names["volume", volume.name]
    if volume.container_disk is not None:
        return [_image(name, volume.container_disk.image, volume.container_disk.image_pull_policy)]
    if volume.persistent_volume_claim is not None:
        claim = {"claimName": volume.persistent_volume_claim.claim_name}
        read_only = {"readOnly": True} if volume.persistent_volume_claim.read_only else {}
        return [{"name": name, "persistentVolumeClaim": claim | read_only}]
    if volume.data_volume is not None:
        return [{"name": name, "persistentVolumeClaim": {"claimName": volume.data_volume.name}}]
    if volume.config_map is not None:
        return [{"name": name, "configMap": _without_label(raw["configMap"])}]
    if volume.secret is not None:
        return [{"name": name, "secret": _without_label(raw["secret"])}]
    if volume.downward_api is not None:
        return [{"name": name, "downwardAPI": {"items": raw["downwardAPI"].get("fields") or []}}]
    return [
        {"name": names[suffix, volume.name], "secret": {"secretName": secret}}
        for suffix, _, secret in _cloud_init_secrets(volume)
    ]


def _image(name: str, reference: str, policy: str) -> Json:
    image = {"reference": reference} | ({"pullPolicy": policy} if policy else {})
    return {"name": name, "image": image}


def _without_label(source: Json) -> Json:
    return {key: value for key, value in source.items() if key != "volumeLabel"}


def _cloud_init_secrets(volume: Volume) -> list[tuple[str, str, str]]:
    """(which of `_SUFFIXES`, part, Secret) for each Secret that cloud-init data is read from."""
    source = volume.cloud_init_no_cloud or volume.cloud_init_config_drive
    if source is None:
        return []
    refs = (("userdata", source.secret_ref), ("networkdata", source.network_data_secret_ref))
    return [(suffix, part, ref.name) for suffix, (part, ref) in zip(_SUFFIXES, refs, strict=True) if ref is not None]


def _config_mounts(volume: Volume, names: Names) -> list[Json]:
    name = names["volume", volume.name]
    if volume.config_map is not None:
        return [_read_only(name, paths.config_source("configMap", volume.name))]
    if volume.secret is not None:
        return [_read_only(name, paths.config_source("secret", volume.name))]
    if volume.downward_api is not None:
        return [_read_only(name, paths.config_source("downwardAPI", volume.name))]
    return [
        _read_only(names[suffix, volume.name], paths.cloud_init_secret(volume.name, part))
        for suffix, part, _ in _cloud_init_secrets(volume)
    ]


def _secrets(launcher: Launcher) -> list[str]:
    """Secrets that hold SSH keys and passwords."""
    found: set[str] = set()
    for credential in launcher.vmi.spec.get("accessCredentials") or ():
        for kind in ("sshPublicKey", "userPassword"):
            secret = ((credential.get(kind) or {}).get("source") or {}).get("secret") or {}
            if name := secret.get("secretName"):
                found.add(str(name))
    return sorted(found)


def _credential_volumes(launcher: Launcher, names: Names) -> list[Json]:
    return [{"name": names["credential", secret], "secret": {"secretName": secret}} for secret in _secrets(launcher)]


def _kernel_boot_volume(launcher: Launcher) -> list[Json]:
    firmware = launcher.spec.domain.firmware
    boot = firmware.kernel_boot if firmware is not None else None
    if boot is None or boot.container is None:
        return []
    return [_image(_KERNEL_BOOT, boot.container.image, boot.container.image_pull_policy)]
