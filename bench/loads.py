"""What a guest does while it is moved: told to its shell at the console, and it ticks besides."""

import asyncio
from dataclasses import dataclass

from bench.ends import End, Heard
from bench.ticks import NEVER, TICKING

LOGIN = (("\n", "login:"), ("root\n", "assword:"), ("podvirt\n", "# "))
BOOT_SECONDS, LOAD_SECONDS = 120, 300
CHANGED, AT_ONCE = 32, 4
"""MiB that change, in turns of so many."""


@dataclass(frozen=True)
class Load:
    name: str
    memory: str
    words: str = "true"
    """For the guest's shell."""
    idle: bool = False
    dense: bool = False
    """Its memory is full of what cannot be left out."""


def changing(rate: int) -> str:
    """Words that rewrite a piece of memory again and again, so many MiB a second by the guest's clock."""
    turn = 100 * AT_ONCE // rate  # hundredths of a second
    now = "read -r up idle </proc/uptime; now=${up%.*}${up#*.}"
    write = f"dd if=/mnt/noise of=/mnt/page bs=1M count={AT_ONCE} seek=$((n%{CHANGED // AT_ONCE}*{AT_ONCE}))"
    wait = "[ $left -gt 0 ] && { [ $left -lt 10 ] && left=0$left; read -t 0.$left -u 3 none; }"
    return (
        f"mount -t tmpfs none /mnt; dd if=/dev/urandom of=/mnt/noise bs=1M count={AT_ONCE} 2>/dev/null; "
        f"({NEVER}; {now}; start=$now; n=0; while :; do {write} conv=notrunc 2>/dev/null; n=$((n+1)); "
        f"{now}; left=$((start+n*{turn}-now)); {wait}; done) & true"
    )


LOADS = (
    Load("idle, 128 MiB", "128Mi", idle=True),
    Load("idle, 1 GiB", "1Gi", idle=True),
    Load(
        "1 GiB of random memory",
        "1280Mi",
        "mount -t tmpfs -o size=1100m none /mnt; dd if=/dev/urandom of=/mnt/noise bs=1M count=1024 2>/dev/null",
        dense=True,
    ),
    Load("16 MiB changed a second", "256Mi", changing(16)),
)


async def begin(console: End, load: Load) -> None:
    """Log in, take the load up, and tick. Raises TimeoutError."""
    heard = Heard(console)
    async with asyncio.timeout(BOOT_SECONDS):
        for words, answer in LOGIN:
            await console.write(words.encode())
            await heard.until(answer.encode())
    async with asyncio.timeout(LOAD_SECONDS):
        for words in (load.words, TICKING):
            await console.write(f"{words}\necho do''ne\n".encode())
            await heard.until(b"done")
