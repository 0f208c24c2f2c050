"""Where things lie inside a launcher pod, and where virt-handler finds them on the node.

The controller mounts what the launcher opens, and the handler reaches the launcher's socket through the kubelet's
directory of the pod: all three take the places from here. Paths are POSIX strings.
"""

from __future__ import annotations

from typing import Final

PRIVATE: Final = "/var/run/kubevirt-private"
PUBLIC: Final = "/var/run/kubevirt"
SOCKETS: Final = "/var/run/kubevirt/sockets"
EPHEMERAL_DISKS: Final = "/var/run/kubevirt-ephemeral-disks"
LIBVIRT_RUNTIME: Final = "/var/run/libvirt"
HOTPLUG_DISKS: Final = "/var/run/kubevirt/hotplug-disks"
IMAGE_VOLUMES: Final = "/var/run/kubevirt-image-volume"
KERNEL_BOOT: Final = "/var/run/kubevirt-kernel-boot"
VM_DISKS: Final = "/var/run/kubevirt-private/vmi-disks"
LIBVIRT_VOLUME: Final = "libvirt-runtime"
RECEIVER: Final = "receiver"
RECEIVER_SOCKET: Final = "gate-sock"
LAUNCHER_SOCKET: Final = "launcher-sock"
SERIAL_SOCKET: Final = "virt-serial0"
VNC_SOCKET: Final = "virt-vnc"
USB_SOCKETS: Final = tuple(f"virt-usbredir-{slot}" for slot in range(4))
"""One for each USB device of a client that a guest can have at a time."""
SOCKETS_VOLUME: Final = "sockets"
PODS_ON_NODE: Final = "/var/lib/kubelet/pods"

#: where the pod mounts volumes that become configuration disks, by the field of the volume that names them
CONFIG_SOURCES: Final = {
    "configMap": f"{PRIVATE}/config-map",
    "secret": f"{PRIVATE}/secret",
    "downwardAPI": f"{PRIVATE}/downwardapi",
}


def launcher_socket() -> str:
    """Inside the pod."""
    return f"{SOCKETS}/{LAUNCHER_SOCKET}"


def launcher_socket_on_node(pods_dir: str, pod_uid: str) -> str:
    """On the node; `pods_dir` is the kubelet's directory of pods as the caller sees it."""
    return f"{pods_dir}/{pod_uid}/volumes/kubernetes.io~empty-dir/{SOCKETS_VOLUME}/{LAUNCHER_SOCKET}"


def vmi_private(vmi_uid: str) -> str:
    """Consoles, their log and the liveness lock of one VMI."""
    return f"{PRIVATE}/{vmi_uid}"


def serial_socket(vmi_uid: str) -> str:
    return f"{vmi_private(vmi_uid)}/{SERIAL_SOCKET}"


def serial_log(vmi_uid: str) -> str:
    return f"{vmi_private(vmi_uid)}/virt-serial0-log"


def vnc_socket(vmi_uid: str) -> str:
    return f"{vmi_private(vmi_uid)}/{VNC_SOCKET}"


def usb_sockets(vmi_uid: str) -> tuple[str, ...]:
    return tuple(f"{vmi_private(vmi_uid)}/{socket}" for socket in USB_SOCKETS)


def qemu_events(vmi_uid: str) -> str:
    """The launcher's own way to QEMU; libvirt has another."""
    return f"{vmi_private(vmi_uid)}/virt-qemu-events"


def alive_lock(vmi_uid: str) -> str:
    """The file that the launcher keeps locked for as long as it lives."""
    return f"{vmi_private(vmi_uid)}/alive"


def image_volume(volume_index: int) -> str:
    """Mount of a containerDisk; the index is the volume's place in `spec.volumes`, from 0."""
    return f"{IMAGE_VOLUMES}/disk_{volume_index}"


def container_disk(volume_index: int) -> str:
    """The disk file of a containerDisk, under a name that does not depend on the image: a link into its mount."""
    return f"{PUBLIC}/container-disks/disk_{volume_index}.img"


def overlay(volume: str) -> str:
    """The writable qcow2 layer over a containerDisk."""
    return f"{EPHEMERAL_DISKS}/disk-data/{volume}/disk.qcow2"


def empty_disk(volume: str) -> str:
    return f"{LIBVIRT_RUNTIME}/empty-disks/{volume}.qcow2"


def receiver_dir() -> str:
    """Where the libvirtd lives that receives a guest from another node."""
    return f"{LIBVIRT_RUNTIME}/{RECEIVER}"


def receiver_socket_on_node(pod_uid: str) -> str:
    """Below the kubelet's directory of pods: what a migration's source connects to."""
    return f"{pod_uid}/volumes/kubernetes.io~empty-dir/{LIBVIRT_VOLUME}/{RECEIVER}/{RECEIVER_SOCKET}"


def cloud_init_iso(namespace: str, vmi_name: str, file_name: str) -> str:
    """`file_name` is noCloud.iso or configdrive.iso, or ends so."""
    return f"{EPHEMERAL_DISKS}/cloud-init-data/{namespace}/{vmi_name}/{file_name}"


def claim_dir(volume: str) -> str:
    """Mount of a filesystem claim; its disk is `disk.img` in it."""
    return f"{VM_DISKS}/{volume}"


def claim_device(volume: str) -> str:
    """Device of a block claim."""
    return f"/dev/{volume}"


def config_source(kind: str, volume: str) -> str:
    """Mount of a configMap, secret or downwardAPI volume; `kind` is the field's name in the spec."""
    return f"{CONFIG_SOURCES[kind]}/{volume}"


def cloud_init_secret(volume: str, part: str) -> str:
    """Directory with the keys of the Secret behind `userDataSecretRef` or `networkDataSecretRef`; `part` is
    userdata or networkdata. The data is under the key `part`, or `userData`/`networkData`."""
    return f"{PRIVATE}/secret/{volume}/{part}"


def access_credential_secret(secret: str) -> str:
    """Directory with the keys of a Secret that `spec.accessCredentials` names."""
    return f"{PRIVATE}/access-credentials/{secret}"
