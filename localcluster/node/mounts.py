"""A node's view of the file system: the host's programs, but its own /var, /tmp, /run, /sys and /dev."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from localcluster.render.places import CNI_CONFIG, ETC, RUN
from localcluster.shell import CommandFailed, run

DEVICES = (
    "null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse",
    "net/tun", "userfaultfd", "vhost-net", "vhost-vsock",
)  # fmt: skip
DEVICES_IN = ("loop*", "vfio/*", "dri/*", "nvidia*", "infiniband/*")
LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "fd/0",
    "stdout": "fd/1",
    "stderr": "fd/2",
    "ptmx": "pts/ptmx",
    "core": "/proc/kcore",
}


def mount(*words: str) -> None:
    run(["mount", *words])


def arrange(document: dict[str, Any]) -> None:
    """Mount everything. `document` is the node's JSON: `binds`, `disk`, `kvm`."""
    mount("--make-rslave", "/")
    mount("--make-rshared", "/")
    devices = _host_devices(with_kvm=document["kvm"])
    mount("-t", "tmpfs", "-o", "mode=755,nosuid", "run", "/run")
    Path("/run/lock").mkdir(mode=0o1777)
    for source, target in document["binds"]:
        _bind(source, target)
    _fresh_sys()
    _own_disk(Path(document["disk"]))
    _own_resolver()
    _own_dev(devices)


def _bind(source: str, target: str) -> None:
    Path(target).mkdir(parents=True, exist_ok=True)
    mount("--bind", source, target)


def _put_aside(place: str, name: str) -> Path:
    """Keep a tree in reach while something else is mounted over it. Private: what is mounted there stays there."""
    aside = Path(RUN, name)
    aside.mkdir()
    mount("--rbind", place, str(aside))
    mount("--make-rprivate", str(aside))
    return aside


def _drop(aside: Path) -> None:
    run(["umount", "--lazy", str(aside)])
    aside.rmdir()


def _fresh_sys() -> None:
    """/sys/class/net shows the network namespace of whoever mounted it, so it is mounted anew; cgroups move over."""
    aside = _put_aside("/sys/fs/cgroup", "cgroup")
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("--rbind", str(aside), "/sys/fs/cgroup")
    mount("--make-rshared", "/sys/fs/cgroup")
    _drop(aside)
    if Path("/sys/fs/bpf").is_dir():
        mount("-t", "bpf", "bpf", "/sys/fs/bpf")


def _own_disk(disk: Path) -> None:
    """/var and /tmp of this node, kept from one start to the next."""
    variable, temporary = disk / "var", disk / "tmp"
    for name in ("cache", "lib", "log", "opt", "spool"):
        (variable / name).mkdir(parents=True, exist_ok=True)
    for name, target in (("run", "/run"), ("lock", "/run/lock")):
        if not (variable / name).is_symlink():
            (variable / name).symlink_to(target)
    for place in (variable / "tmp", temporary):
        place.mkdir(exist_ok=True)
        place.chmod(0o1777)
    mount("--bind", str(temporary), "/tmp")
    mount("--bind", str(variable), "/var")
    mount("--make-rshared", "/")
    for name in ("kubelet", "containerd", "etcd", "cni/bin", "cni/net.d"):
        Path("/var/lib", name).mkdir(parents=True, exist_ok=True)
    Path("/var/lib/etcd").chmod(0o700)
    Path(CNI_CONFIG, "10-podvirt.conflist").write_text(Path(ETC, "cni.conflist").read_text())


def _own_resolver() -> None:
    """containerd pulls by the node's resolver; the host's may listen on a loopback that is not ours."""
    target = Path(os.path.realpath("/etc/resolv.conf"))
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", f"{ETC}/resolv.conf", str(target))


def _host_devices(*, with_kvm: bool) -> dict[str, os.stat_result]:
    """Device nodes that the node gets, by name below /dev, as the host has them."""
    names = [*DEVICES, *(["kvm"] if with_kvm else [])]
    found = {name: Path("/dev", name) for name in names}
    for pattern in DEVICES_IN:
        found |= {str(path.relative_to("/dev")): path for path in Path("/dev").glob(pattern)}
    present = {name: path.stat() for name, path in found.items() if path.exists()}
    return {
        name: about for name, about in present.items() if stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode)
    }


def _own_dev(devices: dict[str, os.stat_result]) -> None:
    aside = _put_aside("/dev", "dev")
    mount("-t", "tmpfs", "-o", "mode=755,nosuid", "dev", "/dev")
    for name, about in devices.items():
        _make_device(Path("/dev", name), about, aside / name)
    for name, target in LINKS.items():
        Path("/dev", name).symlink_to(target)
    _drop(aside)
    for kind, name, options in (
        ("devpts", "pts", "newinstance,ptmxmode=0666,mode=620,gid=5"),
        ("tmpfs", "shm", "mode=1777"),
        ("mqueue", "mqueue", "rw"),
    ):
        Path("/dev", name).mkdir()
        mount("-t", kind, "-o", options, kind, f"/dev/{name}")
    _huge_pages()


def _make_device(place: Path, about: os.stat_result, original: Path) -> None:
    """A node of the same number, or a bind of the host's where making nodes is forbidden."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mknod(place, about.st_mode, about.st_rdev)
    except PermissionError:
        place.touch()
        mount("--bind", str(original), str(place))
        return
    place.chmod(stat.S_IMODE(about.st_mode))
    os.chown(place, about.st_uid, about.st_gid)


def _huge_pages() -> None:
    Path("/dev/hugepages").mkdir()
    try:
        mount("-t", "hugetlbfs", "hugetlbfs", "/dev/hugepages")
    except CommandFailed:
        Path("/dev/hugepages").rmdir()  # a kernel without them
