"""What a cluster is doing, in lines for people."""

from __future__ import annotations

from localcluster.cluster import nodes, store
from localcluster.cluster.api import Api


def describe(name: str) -> tuple[list[str], bool]:
    """Lines, and whether all is well. Raises Trouble when there is no such cluster."""
    place = store.of(name)
    spec = place.load()
    api = Api(spec.api, place.pki)
    answers = api.ready()
    lines = [f"cluster {name}: API {spec.api} {'answers' if answers else 'does not answer'}"]
    well = answers
    for node in spec.nodes:
        runs = nodes.running(place, node)
        ready = runs and answers and api.node_is_ready(node.name)
        state = "Ready" if ready else "running, not Ready" if runs else "off"
        lines.append(f"  {node.name} {node.address} {state}")
        well = well and ready
    others = [other.name for other in store.everyone() if other.name != name]
    if others:
        lines.append(f"other clusters here: {', '.join(others)}")
    return lines, well
