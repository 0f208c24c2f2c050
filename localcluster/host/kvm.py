"""Whether /dev/kvm runs a guest: asked by running one instruction, since a device that is there may not work.

Nested machines exist whose KVM opens, makes a VM, and then never returns from running it. So the question is put
by a process of its own (`python3 -m localcluster.host.kvm`), which may be left behind and killed. Others emulate
KVM without a processor that virtualizes: they run an instruction and no guest, so the processor's flags count too.
$PODVIRT_KVM, `yes` or `no`, overrules both.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import sys
from pathlib import Path

DEVICE = Path("/dev/kvm")
PATIENCE_SECONDS = 10

# ioctl numbers and offsets: linux/kvm.h
CREATE_VM, CREATE_VCPU = 0xAE01, 0xAE41
GET_VCPU_MMAP_SIZE, RUN = 0xAE04, 0xAE80
SET_USER_MEMORY_REGION = 0x4020AE46
EXIT_REASON_OFFSET, EXIT_HLT = 8, 5

RESET_PAGE, RESET_OFFSET, HLT = 0xFFFFF000, 0xFF0, 0xF4
"""An x86 processor begins at 0xfffffff0, without a register being set."""


def usable() -> bool:
    """True when a guest ran on this machine within ten seconds. Other processors than x86 are believed."""
    said = os.environ.get("PODVIRT_KVM", "")
    if not DEVICE.exists() or said == "no":
        return False
    if said == "yes" or os.uname().machine != "x86_64":
        return True
    if not virtualizes(Path("/proc/cpuinfo").read_text()):
        return False
    root = Path(__file__).resolve().parents[2]
    try:
        asked = subprocess.run(
            [sys.executable, "-m", "localcluster.host.kvm"],
            cwd=root,
            timeout=PATIENCE_SECONDS,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def virtualizes(cpuinfo: str) -> bool:
    """Whether the processor (text of /proc/cpuinfo) has Intel's or AMD's virtualization."""
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return bool(flags & {"vmx", "svm"})


def run_one_instruction() -> int:
    """Boot a processor onto a HLT; returns the KVM exit reason. Raises OSError where KVM refuses."""
    with DEVICE.open("r+b", buffering=0) as kvm:
        vm = fcntl.ioctl(kvm, CREATE_VM, 0)
        page = mmap.mmap(-1, mmap.PAGESIZE)
        page[RESET_OFFSET] = HLT
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        fcntl.ioctl(vm, SET_USER_MEMORY_REGION, struct.pack("=IIQQQ", 0, 0, RESET_PAGE, mmap.PAGESIZE, address))
        vcpu = fcntl.ioctl(vm, CREATE_VCPU, 0)
        state = mmap.mmap(vcpu, fcntl.ioctl(kvm, GET_VCPU_MMAP_SIZE, 0))
        fcntl.ioctl(vcpu, RUN, 0)
        return int(struct.unpack_from("=I", state, EXIT_REASON_OFFSET)[0])


if __name__ == "__main__":
    sys.exit(0 if run_one_instruction() == EXIT_HLT else 1)
