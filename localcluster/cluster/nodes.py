"""Starting, stopping and power-cutting nodes. A node is the process tree below its init."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from localcluster.cluster.store import Store, write
from localcluster.host import addresses, cgroups, kvm, links, needs
from localcluster.host.processes import Process, alive, first_child, identify, send
from localcluster.paths import SOURCE
from localcluster.render import components, configs, places
from localcluster.render.spec import Node, Spec
from localcluster.waiting import wait_for

ENTER_AND_RUN = 'for file in $PODVIRT_CGROUPS; do echo 0 > "$file" || exit 1; done; exec "$@"'
"""Shell: enter a cgroup in every hierarchy, then become the program."""

NAMESPACES = (
    "--mount",
    "--net",
    "--uts",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "slave",
)
CAP_SYS_RESOURCE = 24


def running(store: Store, node: Node) -> bool:
    return alive(store.init_of(node.name))


def start(store: Store, spec: Spec, node: Node, binaries: Path) -> None:
    """Boot a node from its disk. Does nothing when it runs."""
    if running(store, node):
        return
    kill(store, spec, node)
    layout = cgroups.here()
    system = f"{spec.cgroup}/{node.name}/{cgroups.LEAF}"
    cgroups.make(layout, system)
    document = _prepare(store, spec, node, binaries)
    outer = _spawn(store, node, document, cgroups.entry_files(layout, system))
    child = wait_for(
        f"{node.name}'s init", partial(first_child, outer.pid), seconds=60, mend="see its node.log", every=0.01
    )
    links.plug(spec.name, node.index, node.address, child)
    init = wait_for(f"{node.name}'s init", partial(identify, child), seconds=10, mend="see its node.log", every=0.01)
    record = {"outer": outer.document(), "init": init.document()}
    write(store.node(node.name) / "process.json", json.dumps(record) + "\n")


def _prepare(store: Store, spec: Spec, node: Node, binaries: Path) -> Path:
    """Render the node's files; returns the document that its supervisor reads."""
    home = store.node(node.name)
    for name in ("disk", "logs"):
        (home / name).mkdir(parents=True, exist_ok=True)
    store.volumes.mkdir(exist_ok=True)
    resolvers = addresses.resolvers(addresses.read_resolv_conf())
    for name, text in configs.files(spec, node, resolvers=resolvers, keep_oom_score=not _may_raise_limits()).items():
        write(home / "etc" / name, text)
    place = home / "node.json"
    write(place, json.dumps(_document(store, spec, node, binaries), indent=1) + "\n")
    return place


def _document(store: Store, spec: Spec, node: Node, binaries: Path) -> dict[str, Any]:
    home = store.node(node.name)
    binds = {
        binaries: places.BIN,
        home / "etc": places.ETC,
        home / "logs": places.LOGS,
        store.pki: places.PKI,
        store.volumes: places.VOLUMES,
    }
    return {
        "hostname": node.name,
        "api": places.LOCAL_API if node.controls else spec.api,
        "addresses": [f"{address}/{links.PREFIX[address.version]}" for address in node.addresses],
        "gateways": [str(network.gateway) for network in spec.networks],
        "routes": [[str(destination), str(via)] for destination, via in _to_others(spec, node)],
        "binds": [[str(source), target] for source, target in binds.items()],
        "disk": str(home / "disk"),
        "kvm": kvm.usable(),
        "components": [component.document() for component in components.of_node(spec, node)],
    }


def _may_raise_limits() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_SYS_RESOURCE & 1)


def _spawn(store: Store, node: Node, document: Path, entries: list[Path]) -> Process:
    """The process on the host's side, in a session of its own: it outlives the command that made it."""
    supervisor = [sys.executable, "-P", "-m", "localcluster.node", str(document)]
    command = ["sh", "-c", ENTER_AND_RUN, "podvirt", "unshare", *NAMESPACES, "tini", "-s", "--", *supervisor]
    environment = {
        **os.environ,
        "PATH": needs.SEARCHED,
        "PYTHONPATH": str(SOURCE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PODVIRT_CGROUPS": " ".join(str(entry) for entry in entries),
    }
    with (store.logs(node.name) / "node.log").open("ab") as log:
        spawned = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment, cwd="/"
        )
    _children.append(spawned)
    return wait_for(f"{node.name}", partial(identify, spawned.pid), seconds=10, mend=f"see {log.name}", every=0.01)


_children: list[subprocess.Popen[bytes]] = []
"""Nodes that this very process started: kept, so that Python does not warn that they are still running."""


def stop(store: Store, spec: Spec, node: Node) -> None:
    """Shut down: components end in order, then the rest is cut."""
    init = store.init_of(node.name)
    if alive(init):
        send(init, signal.SIGTERM)
        wait_for(f"shutdown of {node.name}", partial(_ended, init), seconds=60, mend=f"use `node kill {node.name}`")
    kill(store, spec, node)


def kill(store: Store, spec: Spec, node: Node) -> None:
    """Power cut: every process of the node ends in one instant. Its disk stays; its cable and cgroups go.

    Processes are found by the record, and by cgroup: a start that was interrupted left no record.
    """
    layout, cgroup = cgroups.here(), f"{spec.cgroup}/{node.name}"
    for process in (store.init_of(node.name), store.outer_of(node.name)):
        send(process, signal.SIGKILL)
    wait_for(f"end of {node.name}", partial(_emptied, layout, cgroup), seconds=120, mend="run the same command again")
    for child in _children:
        child.poll()
    links.unplug(spec.name, node.index)
    cgroups.remove(layout, cgroup)


def _emptied(layout: cgroups.Layout, cgroup: str) -> bool:
    """Whether nobody is left in the cgroup; who is, is killed."""
    living = [process for process in map(identify, cgroups.members(layout, cgroup)) if process is not None]
    for process in living:
        send(process, signal.SIGKILL)
    return not living


def _ended(process: Process | None) -> bool:
    return not alive(process)


def _to_pods(node: Node) -> list[links.Route]:
    return list(zip(node.pod_ranges, node.addresses, strict=True))


def _to_others(spec: Spec, node: Node) -> list[links.Route]:
    return [route for other in spec.nodes if other.index != node.index for route in _to_pods(other)]


def host_routes(spec: Spec) -> list[links.Route]:
    """How the host reaches pods, and Services through the first node."""
    services = zip((network.services for network in spec.networks), spec.nodes[0].addresses, strict=True)
    return [*(route for node in spec.nodes for route in _to_pods(node)), *services]


def introduce(store: Store, spec: Spec) -> None:
    """Tell every running node the way to the others: a cluster may have grown since it was started."""
    for node in spec.nodes:
        init = store.init_of(node.name)
        if init is not None and alive(init):
            links.route_within(init.pid, _to_others(spec, node))
