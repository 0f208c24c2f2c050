"""python3 -m localcluster: see `--help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from localcluster import paths
from localcluster.cluster import down, images, logs, nodes, status, store, up
from localcluster.host import needs
from localcluster.programs import binaries, kubectl
from localcluster.report import Report
from localcluster.shell import CommandFailed
from localcluster.trouble import Trouble

Command = Callable[[argparse.Namespace, Report], int]


def _up(words: argparse.Namespace, report: Report) -> int:
    spec = up.up(words.name, words.nodes, report, ipv6=words.ipv6)
    report.say(
        f"cluster {spec.name}: {spec.size} nodes, {spec.api}, context {spec.context} in {up.environment_kubeconfig()}"
    )
    return 0


def _down(words: argparse.Namespace, report: Report) -> int:
    if not down.down(words.name, report):
        report.say(f"there is no cluster {words.name}")
    return 0


def _status(words: argparse.Namespace, report: Report) -> int:
    lines, well = status.describe(words.name)
    print("\n".join(lines))
    return 0 if well else 1


def _kubeconfig(words: argparse.Namespace, report: Report) -> int:
    place = store.of(words.name)
    place.load()
    print(place.kubeconfig)
    return 0


def _kubectl_path(words: argparse.Namespace, report: Report) -> int:
    print(kubectl.path(paths.cache(), report))
    return 0


def _audit_log(words: argparse.Namespace, report: Report) -> int:
    place = store.of(words.name)
    place.load()
    print(place.audit_log)
    return 0


def _load(words: argparse.Namespace, report: Report) -> int:
    needs.check_root()
    place = store.of(words.name)
    place.load()
    programs = binaries.build_all(paths.cache(), report)
    for archive in words.archives:
        with report.step(f"loading {archive.name}"):
            done = images.load(place, programs / "ctr", [archive])
        for name, loaded in sorted(done.items()):
            print(f"{name} {'loaded' if loaded else 'was there'}")
    return 0


def _node(words: argparse.Namespace, report: Report) -> int:
    needs.check_root()
    with store.locked(words.name):
        place = store.of(words.name)
        spec = place.load()
        node = spec.node(words.node)
        if words.action == "start":
            nodes.start(place, spec, node, binaries.build_all(paths.cache(), report))
        elif words.action == "stop":
            nodes.stop(place, spec, node)
        else:
            nodes.kill(place, spec, node)
    return 0


def _logs(words: argparse.Namespace, report: Report) -> int:
    return logs.show(store.of(words.name), words.component, words.node, follow=words.follow, lines=words.lines)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m localcluster", description="A real Kubernetes on this machine.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--name", default="podvirt", help="which cluster (default: podvirt)")
        made.set_defaults(run=run)
        return made

    made = command("up", _up, "make a cluster, or resume it")
    made.add_argument("--nodes", type=int, help="how many (default: 2)")
    made.add_argument("--ipv6", action="store_true", help="give a new cluster IPv6 beside IPv4")
    command("down", _down, "remove a cluster and all its traces")
    command("status", _status, "show nodes and components; exit code 1 when something is not well")
    command("kubeconfig", _kubeconfig, "print the path of the cluster's own kubeconfig")
    command("kubectl-path", _kubectl_path, "print the path of a kubectl that fits")
    command("audit-log", _audit_log, "print the path of the API server's audit log")
    load = command("load", _load, "load OCI image archives into every node")
    load.add_argument("archives", nargs="+", type=Path, metavar="IMAGE.tar")
    node = command("node", _node, "stop (shut down), start (boot) or kill (power cut) a node")
    node.add_argument("action", choices=("stop", "start", "kill"))
    node.add_argument("node", metavar="NODE")
    shown = command("logs", _logs, "show a component's log")
    shown.add_argument("component", metavar="COMPONENT")
    shown.add_argument("--node", help="whose (default: the first that has it)")
    shown.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    shown.add_argument("--lines", type=int, default=200, help="how many of the last (default: 200)")
    return top


def main(arguments: list[str]) -> int:
    words = parser().parse_args(arguments)
    try:
        run: Command = words.run
        return run(words, Report())
    except (Trouble, CommandFailed) as error:
        print(f"localcluster: {error}", file=sys.stderr)
    except PermissionError as error:
        print(f"localcluster: {error.filename} is not ours to use; run it again with sudo", file=sys.stderr)
    except OSError as error:
        print(f"localcluster: {error}; mend that and run it again", file=sys.stderr)
    except KeyboardInterrupt:
        print("localcluster: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
