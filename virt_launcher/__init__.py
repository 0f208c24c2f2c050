"""One VM: libvirt embedded, QEMU, nothing else."""
