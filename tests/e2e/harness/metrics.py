"""Metrics of the components as Prometheus would read them: over TLS, from each pod behind the metrics Service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .cluster import Cluster

NAMESPACE, SELECTOR = "kubevirt", "prometheus.kubevirt.io=true"
_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_PARTS = ("_bucket", "_sum", "_count")


@dataclass
class Scrape:
    """Types by metric, and every sample as (metric, labels, value); the parts of a histogram count as the metric."""

    types: dict[str, str] = field(default_factory=dict)
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def of(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        return ((labels, value) for metric, labels, value in self.samples if metric == name)


def read(text: str) -> Scrape:
    """The text format, strictly: each sample belongs to a metric whose type was told before it."""
    found = Scrape()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in found.types, f"{name} comes twice"
            found.types[name] = kind
        elif not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            found.samples.append((_metric(found, match["name"]), _labels(match["labels"] or ""), float(match["value"])))
    return found


def _labels(text: str) -> dict[str, str]:
    pairs = _LABEL.findall(text)
    assert ",".join(f'{name}="{value}"' for name, value in pairs) == text, text
    assert len({name for name, _ in pairs}) == len(pairs), f"a label comes twice: {text}"
    return dict(pairs)


def _metric(found: Scrape, name: str) -> str:
    base = next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), name)
    metric = base if found.types.get(base) == "histogram" else name
    assert metric in found.types, f"{name} has no type"
    return metric


def pods(cluster: Cluster) -> dict[str, list[str]]:
    """Names of the pods that can be scraped and are there to stay, by component."""
    by_component: dict[str, list[str]] = {}
    for pod in cluster.list("pods", NAMESPACE, SELECTOR):
        metadata = pod["metadata"]
        if "deletionTimestamp" not in metadata:
            by_component.setdefault(metadata["labels"]["kubevirt.io"], []).append(metadata["name"])
    return by_component


def scrape(cluster: Cluster, pod: str) -> Scrape:
    return read(cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/https:{pod}:8443/proxy/metrics"))
