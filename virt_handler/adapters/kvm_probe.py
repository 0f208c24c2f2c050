"""Whether /dev/kvm of this node can boot an ordinary guest: a vCPU is run, with a deadline.

A device that opens proves little. Nested or software-made KVM may run sixteen-bit code and then fail, or crawl, on
the first instruction that its emulator does not know. So the probe does what a kernel does within its first second:
64-bit mode, paging, SSE2 arithmetic in a loop, one port write that carries the sum, HLT. It runs in a process of its
own (this file, stdlib only), because a vCPU that hangs in the kernel must not hang the agent.

ioctl numbers and struct layouts: Linux `Documentation/virt/kvm/api.rst`, `arch/x86/include/uapi/asm/kvm.h`.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import struct
import subprocess
import sys

DEADLINE_SECONDS = 2.0
ROUNDS = 1_000_000
"""Loop rounds: under a millisecond on hardware, more than the deadline where each instruction is emulated."""

_CREATE_VM, _GET_SUPPORTED_CPUID, _VCPU_MMAP_SIZE = 0xAE01, 0xC008AE05, 0xAE04
_CREATE_VCPU, _SET_MEMORY, _SET_CPUID2, _RUN = 0xAE41, 0x4020AE46, 0x4008AE90, 0xAE80
_GET_SREGS, _SET_SREGS, _SET_REGS = 0x8138AE83, 0x4138AE84, 0x4090AE82
_EXIT_IO, _EXIT_HLT = 2, 5
_CPUID_ENTRIES = 256

_MEMORY = 0x10000
_CODE, _PML4, _PDPT, _PD = 0x1000, 0x2000, 0x3000, 0x4000

_PROGRAM = (
    b"\xb8\x01\x00\x00\x00"  # mov eax, 1
    b"\x66\x0f\x6e\xc8"  # movd xmm1, eax
    b"\x66\x0f\xef\xc0"  # pxor xmm0, xmm0
    b"\xb9"
    + struct.pack("<I", ROUNDS)  # mov ecx, ROUNDS
    + b"\x66\x0f\xd4\xc1"  # paddq xmm0, xmm1
    b"\xff\xc9"  # dec ecx
    b"\x75\xf8"  # jnz -8
    b"\x66\x0f\x7e\xc0"  # movd eax, xmm0
    b"\x66\xba\xf8\x03"  # mov dx, 0x3f8
    b"\xef"  # out dx, eax
    b"\xf4"  # hlt
)


def _memory() -> mmap.mmap:
    """64 KiB of guest memory: the program and page tables that map the first 2 MiB onto themselves."""
    memory = mmap.mmap(-1, _MEMORY)
    memory[_CODE : _CODE + len(_PROGRAM)] = _PROGRAM
    for table, entry in ((_PML4, _PDPT | 3), (_PDPT, _PD | 3), (_PD, 0x83)):  # present, writable; 0x80: a 2 MiB page
        struct.pack_into("<Q", memory, table, entry)
    return memory


def _segment(selector: int, kind: int, long_mode: int) -> bytes:
    """struct kvm_segment: base, limit, selector, type, present, dpl, db, s, l, g, avl, unusable, padding."""
    return struct.pack("<QIHBBBBBBBBBx", 0, 0xFFFFFFFF, selector, kind, 1, 0, 1 - long_mode, 1, long_mode, 1, 0, 0)


def _enter_long_mode(vcpu: int) -> None:
    sregs = bytearray(312)
    fcntl.ioctl(vcpu, _GET_SREGS, sregs)
    sregs[0:24] = _segment(0x08, 11, 1)
    for index in range(1, 6):  # ds es fs gs ss
        sregs[24 * index : 24 * index + 24] = _segment(0x10, 3, 0)
    cr0, cr3, cr4, efer = 0x80050033, _PML4, 0x620, 0x500  # PG PE MP ET NE; PAE OSFXSR OSXMMEXCPT; LME LMA
    struct.pack_into("<QQQQ", sregs, 224, cr0, 0, cr3, cr4)
    struct.pack_into("<Q", sregs, 264, efer)
    fcntl.ioctl(vcpu, _SET_SREGS, sregs)
    fcntl.ioctl(vcpu, _SET_REGS, struct.pack("<18Q", *([0] * 16), _CODE, 2))


def run_vcpu(device: str = "/dev/kvm") -> str:
    """Run the program once. Returns "" when it did what it must, else the reason; may hang (see `kvm_problem`)."""
    kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
    memory = _memory()
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(vm, _SET_MEMORY, struct.pack("<IIQQQ", 0, 0, 0, _MEMORY, address))
    vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
    cpuid = bytearray(8 + 40 * _CPUID_ENTRIES)
    struct.pack_into("<I", cpuid, 0, _CPUID_ENTRIES)
    fcntl.ioctl(kvm, _GET_SUPPORTED_CPUID, cpuid)
    fcntl.ioctl(vcpu, _SET_CPUID2, cpuid)
    run = mmap.mmap(vcpu, fcntl.ioctl(kvm, _VCPU_MMAP_SIZE, 0))
    _enter_long_mode(vcpu)
    fcntl.ioctl(vcpu, _RUN, 0)
    (reason,) = struct.unpack_from("<I", run, 8)
    if reason != _EXIT_IO:
        return f"a 64-bit guest stopped with exit reason {reason}"
    (offset,) = struct.unpack_from("<Q", run, 40)
    (total,) = struct.unpack_from("<I", run, offset)
    if total != ROUNDS:
        return f"a 64-bit guest computed {total} instead of {ROUNDS}"
    fcntl.ioctl(vcpu, _RUN, 0)
    (reason,) = struct.unpack_from("<I", run, 8)
    return "" if reason == _EXIT_HLT else f"a 64-bit guest did not halt (exit reason {reason})"


def kvm_problem(device: str = "/dev/kvm", deadline: float = DEADLINE_SECONDS) -> str:
    """Why guests cannot use KVM on this node, or "" when they can. Blocks at most about `deadline` seconds."""
    if platform.machine() != "x86_64":
        return "" if os.access(device, os.R_OK | os.W_OK) else f"{device} cannot be opened"
    if not os.path.exists(device):
        return f"{device} does not exist"
    command = [sys.executable, "-I", "-S", __file__, device]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline, check=False)
    except subprocess.TimeoutExpired:
        return f"a 64-bit guest did not finish within {deadline:g} s"
    if done.returncode == 0:
        return ""
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return said[-1] if said else f"the probe ended with status {done.returncode}"


def main() -> int:
    try:
        problem = run_vcpu(sys.argv[1])
    except OSError as error:
        problem = f"{sys.argv[1]}: {error.strerror}"
    print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
