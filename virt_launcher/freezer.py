"""`virt-freezer`: freezes or unfreezes the guest's file systems, for backup tools that run a command in the pod.

A guest without an agent is left as it is, which is no failure: its backup is what a power cut would leave.
"""

from __future__ import annotations

import argparse
import sys

from virt_ipc.agent import FreezeRequest
from virt_ipc.ask import ask
from virt_ipc.errors import IpcError, LauncherRefused
from virt_ipc.messages import Empty
from virt_model import paths

FAILED = 1
PATIENCE = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    flags = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        ask(flags.socket, "guest_info", Empty(), PATIENCE)
    except LauncherRefused as refusal:
        print(f"virt-freezer: {flags.namespace}/{flags.name} is left as it is: {refusal}")
        return 0
    except IpcError as error:
        return _failed(error)
    try:
        if flags.freeze:
            ask(flags.socket, "freeze", FreezeRequest(unfreeze_after=flags.unfreeze_after), PATIENCE)
        else:
            ask(flags.socket, "unfreeze", Empty(), PATIENCE)
    except IpcError as error:
        return _failed(error)
    return 0


def _failed(error: IpcError) -> int:
    print(f"virt-freezer: {error}", file=sys.stderr)
    return FAILED


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virt-freezer", description="Freezes a guest's file systems.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--freeze", action="store_true", help="let them take no writes")
    what.add_argument("--unfreeze", action="store_true", help="let them take writes again")
    parser.add_argument("--name", default="", help="of the VirtualMachineInstance")
    parser.add_argument("--namespace", default="", help="its namespace")
    parser.add_argument(
        "--unfreezeTimeoutSeconds", dest="unfreeze_after", type=float, default=300.0,
        help="unfreeze after so long in any case (300)",
    )  # fmt: skip
    parser.add_argument("--socket", default=paths.launcher_socket(), help="of the launcher")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
