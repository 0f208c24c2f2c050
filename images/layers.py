"""The layers: which packages, and what of them. Tables to read, and to change.

Patterns: ``*`` is anything but a slash, ``**`` anything. Shared libraries are never listed: what the kept files need
is found by reading them (``closure``).
"""

from __future__ import annotations

from collections.abc import Mapping

from images.recipe import LIBRARIES, OTHER_USER, PACKAGES, PYTHON, QEMU_USER, LayerRecipe
from images.tree import Entry


def _text(text: str) -> Entry:
    return Entry(data=text.encode())


def _directory(uid: int = 0, mode: int = 0o755) -> Entry:
    return Entry(mode=mode, uid=uid, gid=uid)


_PASSWD = f"""root:x:0:0:root:/root:/bin/sh
qemu:x:{QEMU_USER}:{QEMU_USER}:runs guests:/var/run/kubevirt-private:/bin/sh
podvirt:x:{OTHER_USER}:{OTHER_USER}:runs components:/:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = f"root:x:0:\nqemu:x:{QEMU_USER}:\npodvirt:x:{OTHER_USER}:\nnogroup:x:65534:\n"

APPLETS = (
    "sh",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dmesg",
    "du",
    "echo",
    "env",
    "false",
    "find",
    "free",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hexdump",
    "hostname",
    "id",
    "ip",
    "kill",
    "less",
    "ln",
    "ls",
    "lsmod",
    "md5sum",
    "mkdir",
    "mount",
    "mv",
    "nc",
    "netstat",
    "nslookup",
    "nproc",
    "od",
    "ping",
    "pkill",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "umount",
    "uname",
    "uniq",
    "uptime",
    "vi",
    "wc",
    "wget",
    "which",
    "xargs",
)
"""Commands of busybox, for people who look into a container. All images have them."""

LICENCES = "usr/share/doc/*/copyright"

BASE = LayerRecipe(
    packages=("base-files", "busybox", "python3", "python3-msgspec", "python3-grpcio", "tzdata"),
    keep=(
        "bin",
        "sbin",
        "lib",
        "lib64",
        "usr/lib64/*",
        "usr/sbin",
        "root",
        "tmp",
        "var/tmp",
        "etc/debian_version",
        "etc/host.conf",
        "etc/os-release",
        "usr/lib/os-release",
        "etc/protocols",
        "etc/services",
        "etc/mime.types",
        "etc/ssl/openssl.cnf",
        "usr/lib/ssl/*",
        "usr/bin/busybox",
        "usr/bin/python3",
        "usr/bin/python3.14",
        f"{PYTHON}/**",
        f"{PACKAGES}/msgspec/**",
        f"{PACKAGES}/grpc/**",
        "usr/share/zoneinfo/**",
        LICENCES,
    ),
    drop=(
        "**/*.cpython-315-*",
        "**/*.pyi",
        "**/*.pxd",
        "**/*.pyx",
        f"{PYTHON}/EXTERNALLY-MANAGED",
        *(
            f"{PYTHON}/{name}**"
            for name in (
                "test/",
                "idlelib/",
                "pydoc_data/",
                "ensurepip/",
                "turtle",
                "tkinter/",
                "curses/",
                "sqlite3/",
                "dbm/",
                "venv/",
                "doctest",
                "pydoc",
                "pdb",
                "_pyrepl/",
                "__phello__/",
                "antigravity",
                "this.",
                "LICENSE",
                "sitecustomize",
                "build-details",
                "lib-dynload/_test",
                "lib-dynload/_ctypes_test",
                "lib-dynload/_curses",
                "lib-dynload/_dbm",
                "lib-dynload/_sqlite3",
                "lib-dynload/_xxtest",
                "lib-dynload/xx",
                "lib-dynload/readline",
                "lib-dynload/_codecs_",
                "lib-dynload/_remote_debugging",
            )
        ),
        "usr/share/zoneinfo/posix/**",
        "usr/share/zoneinfo/right/**",
    ),
    files={
        "etc/passwd": _text(_PASSWD),
        "etc/group": _text(_GROUP),
        "etc/nsswitch.conf": _text("passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"),
        "var/run": Entry(mode=0o777, link="/run"),
        "var/lock": Entry(mode=0o777, link="/run/lock"),
        "run/lock": _directory(mode=0o1777),
        "proc": _directory(),
        "sys": _directory(),
        "dev": _directory(),
        **{f"usr/bin/{applet}": Entry(mode=0o777, link="busybox") for applet in APPLETS},
    },
)
COMPONENTS = LayerRecipe(
    parent="base",
    packages=(
        "python3-aiohttp",
        "python3-cryptography",
        "libnftables1",
        "python3-yaml",
        "python3-typing-extensions",
    ),
    keep=(
        *(
            f"{PACKAGES}/{name}/**"
            for name in (
                "aiohttp",
                "aiohappyeyeballs",
                "aiosignal",
                "attr",
                "attrs",
                "frozenlist",
                "idna",
                "multidict",
                "propcache",
                "yarl",
                "cryptography",
                "yaml",
            )
        ),
        f"{PACKAGES}/typing_extensions.py",
        f"{PACKAGES}/decorator**",
        f"{PACKAGES}/_cffi_backend.*",
        f"{PACKAGES}/*mypyc*.so",
        f"{LIBRARIES}/libnftables.so.1",
        LICENCES,
    ),
    drop=("**/*.cpython-315-*", "**/*.pyi", "**/*.pxd", "**/*.pyx", "**/*.c", "**/*.h", "**/tests/**", "**/test/**"),
)
LAUNCHER = LayerRecipe(
    parent="base",
    packages=(
        "libvirt-daemon",
        "libvirt-daemon-driver-qemu",
        "python3-libvirt",
        "qemu-system-x86",
        "qemu-utils",
        "seabios",
        "ovmf",
        "python3-pycdlib",
        "util-linux",
        "tini",
    ),
    keep=(
        "usr/bin/qemu-system-x86_64",
        "usr/bin/qemu-img",
        "usr/bin/flock",
        "usr/bin/tini",
        "usr/sbin/libvirtd",
        *(
            f"{LIBRARIES}/qemu/{name}.so"
            for name in (
                "accel-*",
                "hw-display-virtio-gpu*",
                "hw-display-virtio-vga",
                "hw-usb-host",
                "hw-usb-redirect",
                "hw-uefi-vars",
            )
        ),
        *(
            f"usr/share/qemu/{name}"
            for name in (
                "efi-virtio.rom",
                "efi-e1000.rom",
                "efi-e1000e.rom",
                "efi-rtl8139.rom",
                "kvmvapic.bin",
                "linuxboot*.bin",
                "multiboot*.bin",
                "pvh.bin",
                "firmware/*.json",
                "keymaps/**",
            )
        ),
        "usr/share/seabios/bios*.bin",
        "usr/share/seabios/vgabios*.bin",
        "usr/share/OVMF/OVMF_CODE_4M*.fd",
        "usr/share/OVMF/OVMF_VARS_4M*.fd",
        f"{LIBRARIES}/libvirt/connection-driver/libvirt_driver_qemu.so",
        "usr/share/libvirt/cpu_map/**",
        "usr/share/libvirt/schemas/**",
        f"{PACKAGES}/libvirt.py",
        f"{PACKAGES}/libvirt_qemu.py",
        f"{PACKAGES}/libvirtaio.py",
        f"{PACKAGES}/libvirtmod.*",
        f"{PACKAGES}/libvirtmod_qemu.*",
        f"{PACKAGES}/pycdlib/**",
        LICENCES,
    ),
    drop=(
        "**/*.cpython-315-*",
        "**/*.pyi",
        f"{LIBRARIES}/qemu/hw-s390x*",
        "**/*strictnx*",
        "**/*snakeoil*",
        "usr/share/qemu/firmware/*amdsev*",
        "usr/share/qemu/firmware/*inteltdx*",
        "usr/share/libvirt/schemas/*.rng.in",
        "usr/share/seabios/bios-microvm.bin",
    ),
    files={
        "usr/share/edk2/ovmf/OVMF_CODE.fd": Entry(mode=0o777, link="/usr/share/OVMF/OVMF_CODE_4M.fd"),
        "usr/share/edk2/ovmf/OVMF_CODE.secboot.fd": Entry(mode=0o777, link="/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"),
        "usr/share/edk2/ovmf/OVMF_VARS.fd": Entry(mode=0o777, link="/usr/share/OVMF/OVMF_VARS_4M.fd"),
        "usr/share/edk2/ovmf/OVMF_VARS.secboot.fd": Entry(mode=0o777, link="/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
        **{
            path: _directory(QEMU_USER)
            for path in (
                "run/libvirt",
                "run/kubevirt",
                "run/kubevirt-private",
                "run/kubevirt-ephemeral-disks",
                "run/kubevirt-image-volume",
                "run/kubevirt-hooks",
                "run/kubevirt/sockets",
            )
        },
    },
)
LAYERS: Mapping[str, LayerRecipe] = {"base": BASE, "components": COMPONENTS, "launcher": LAUNCHER}
