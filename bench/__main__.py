"""Command line: `python3 -m bench SUBJECT [--name CLUSTER | --kubeconfig FILE]`."""

import argparse
import asyncio
import json
import subprocess
import sys

from bench import admission, footprint, migrate, node_loss, start, streams, writes
from virt_runtime.errors import ApiError

SUBJECTS = {
    "start": start.measure,
    "footprint": footprint.measure,
    "writes": writes.measure,
    "streams": streams.measure,
    "api": admission.measure,
    "node-loss": node_loss.measure,
    "migrate": migrate.measure,
}


def kubeconfig_of(name: str) -> str:
    command = [sys.executable, "-m", "localcluster", "kubeconfig", "--name", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: no local cluster '{name}': {done.stderr.strip()}")
    return done.stdout.strip()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench")
    parser.add_argument("subject", choices=[*SUBJECTS])
    parser.add_argument("--name", default="podvirt", help="local cluster to measure (default: podvirt)")
    parser.add_argument("--kubeconfig", help="another cluster; `writes` needs a local one (it reads the audit log)")
    parser.add_argument("--count", type=int, default=10, help="VMs one by one, or alive at once for footprint")
    parser.add_argument("--at-once", type=int, default=30, help="start: VMs created together (0: skip)")
    parser.add_argument("--idle-seconds", type=int, default=120, help="writes: how long to watch an idle cluster")
    parser.add_argument(
        "--load", default="", metavar="WORDS", help="migrate: only the loads whose name has these words"
    )
    parser.add_argument(
        "--migrations",
        type=json.loads,
        default={},
        metavar="JSON",
        help="migrate: settings for the time being, such as '{\"disableTLS\": true}'",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    kubeconfig = options.kubeconfig or kubeconfig_of(options.name)
    try:
        figures = asyncio.run(SUBJECTS[options.subject](kubeconfig, options))
    except ApiError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
