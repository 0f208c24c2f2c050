"""One VM: libvirt embedded, QEMU, nothing else."""

VERSION = "v0.1.0"
