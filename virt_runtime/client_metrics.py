"""What the Kubernetes client is asked to do and how it goes, as metrics."""

from __future__ import annotations

from urllib.parse import urlsplit

from virt_runtime.metrics import Metrics
from virt_runtime.transport import Attempt

REQUESTS, LATENCY = "kubevirt_rest_client_requests_total", "kubevirt_rest_client_request_latency_seconds"
TURN = "kubevirt_rest_client_rate_limiter_duration_seconds"
_VERBS = {"POST": "CREATE", "PUT": "UPDATE", "PATCH": "PATCH"}


class ClientObserver:
    """An `Observer` for `KubeClient.connect(observe=...)`."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests, self._latency = metrics.counter(REQUESTS), metrics.histogram(LATENCY)
        self._turn = metrics.histogram(TURN)

    def __call__(self, attempt: Attempt) -> None:
        resource, named, url = shape(attempt.path)
        verb = _verb(attempt, named)
        code = str(attempt.status) if attempt.status else "<error>"
        host = urlsplit(attempt.server).netloc
        self._requests.labels(code, attempt.method, host, resource, verb).inc()
        self._latency.labels(verb, url).observe(attempt.seconds)
        self._turn.labels(verb, url).observe(attempt.queued)


def shape(path: str) -> tuple[str, bool, str]:
    """(resource with subresource, whether one object is named, the path without the names in it)."""
    parts = path.strip("/").split("/")
    root = 3 if parts[0] == "apis" else 2
    scope, rest = parts[:root], parts[root:]
    if parts[0] not in ("api", "apis") or not rest:
        return "none", False, path
    if rest[0] == "namespaces" and len(rest) > 2:
        scope, rest = [*scope, "namespaces", "{namespace}"], rest[2:]
    resource = "/".join((rest[0], *rest[2:]))
    named = len(rest) > 1
    return resource, named, "/" + "/".join((*scope, rest[0], *(("{name}",) if named else ()), *rest[2:]))


def _verb(attempt: Attempt, named: bool) -> str:
    if attempt.method == "GET":
        return "WATCH" if attempt.watching else "GET" if named else "LIST"
    if attempt.method == "DELETE":
        return "DELETE" if named else "DELETE_COLLECTION"
    return _VERBS.get(attempt.method, attempt.method)
