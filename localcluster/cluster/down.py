"""Taking a cluster down: processes, links, cgroups, state and context; the builds in the cache stay."""

from __future__ import annotations

import contextlib
import shutil

from localcluster import paths
from localcluster.cluster import access, nodes, store
from localcluster.host import cgroups, links, needs
from localcluster.programs import kubectl
from localcluster.report import Report


def down(name: str, report: Report) -> bool:
    """Remove cluster `name`. False when there was none. Safe to repeat, also after an interruption."""
    needs.check_root()
    with store.locked(name):
        place = store.of(name)
        if not place.exists():
            return False
        spec = place.load()
        with report.step(f"removing cluster {name}"):
            for node in spec.nodes:
                nodes.kill(place, spec, node)
            links.remove_bridge(name)
            cgroups.remove(cgroups.here(), spec.cgroup)
            access.withdraw(kubectl.path(paths.cache(), report), spec.context)
            for entry in [*(e for e in place.root.iterdir() if e.name != "cluster.json"), place.root]:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            for parent in (paths.CLUSTERS, paths.CLUSTERS.parent):
                with contextlib.suppress(OSError):  # another cluster lives there
                    parent.rmdir()
    return True
