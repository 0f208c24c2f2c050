"""`virt-probe`: a guest's probe, run by the kubelet in the compute container.

Ends with 0 when the guest agent answers, or with the exit code of the program that it ran in the guest; with 1 and a
line on standard error when the agent cannot be asked.
"""

from __future__ import annotations

import argparse
import sys

from virt_ipc.agent import ExecRequest, PingRequest
from virt_ipc.ask import ask
from virt_ipc.errors import IpcError
from virt_model import paths

FAILED = 1
MARGIN = 1.0
"""Seconds for the way to the launcher and back."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    flags = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if flags.guest_agent_ping:
            ask(flags.socket, "guest_ping", PingRequest(timeout=flags.timeout), flags.timeout + MARGIN)
            return 0
        request = ExecRequest(command=flags.command, arguments=flags.arguments, timeout=flags.timeout)
        done = ask(flags.socket, "guest_exec", request, flags.timeout + MARGIN)
    except IpcError as error:
        print(f"virt-probe: {error}", file=sys.stderr)
        return FAILED
    print(done.output, end="")
    return int(done.exit_code)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virt-probe", description="Asks a guest whether it is well.")
    parser.add_argument("--domainName", help="of the guest; a launcher has one")
    parser.add_argument("--timeoutSeconds", dest="timeout", type=float, default=1.0, help="for the answer (1)")
    parser.add_argument("--guestAgentPing", dest="guest_agent_ping", action="store_true", help="is the agent there?")
    parser.add_argument("--command", default="", help="a program in the guest")
    parser.add_argument("--socket", default=paths.launcher_socket(), help="of the launcher")
    parser.add_argument("arguments", nargs="*", help="of the program")
    flags = parser.parse_args(arguments)
    if not flags.guest_agent_ping and not flags.command:
        parser.error("one of --guestAgentPing and --command is needed")
    return flags


if __name__ == "__main__":
    sys.exit(main())
