"""The command lines of two bare QEMUs."""

from __future__ import annotations

import json

from bench.pair import PORT, alone

COMMAND = [
    "/usr/bin/qemu-system-x86_64", "-name", "guest=ns_x,debug-threads=on", "-S", "-nodefaults",
    "-object", '{"qom-type":"secret","id":"masterKey0"}', "-chardev", "socket,id=charmonitor,fd=21,server=on,wait=off",
    "-chardev", "socket,id=charserial0,fd=22,server=on,wait=off,logfile=/run/x/virt-serial0-log,logappend=on",
    "-serial", "chardev:charserial0", "-incoming", "defer", "-blockdev", '{"driver":"file","filename":"/disk"}',
]  # fmt: skip


def test_both_have_a_console_of_their_own_and_one_waits_for_the_other() -> None:
    source, target = (alone(COMMAND, "/run/x/bare", arriving=arriving) for arriving in (False, True))
    console = "socket,id=charserial0,path=/run/x/bare,server=on,wait=off,logfile=/run/x/bare-log"
    assert source == [
        "/usr/bin/qemu-system-x86_64", "-name", "guest=ns_x,debug-threads=on", "-nodefaults",
        "-chardev", "stdio,id=charmonitor", "-chardev", console, "-serial", "chardev:charserial0",
        "-blockdev", json.dumps({"driver": "file", "filename": "/disk", "locking": "off"}),
    ]  # fmt: skip
    assert target == [*source, "-incoming", f"tcp:0.0.0.0:{PORT}"]
