"""podvirt's own installation: the KubeVirt object, its components, and what their users notice of a change."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from .cluster import Cluster, Object, Result
from .guests import vmi
from .rest import SUBRESOURCES, call
from .vms import is_true
from .waiting import until

NAMESPACE = "kubevirt"
SELECTOR = "prometheus.kubevirt.io=true"


def kubevirt(cluster: Cluster) -> Object:
    found = cluster.get("kubevirt", "kubevirt", NAMESPACE)
    assert found is not None
    return found


def spec(cluster: Cluster) -> Object:
    return dict(kubevirt(cluster)["spec"])


def edit(cluster: Cluster, **change: Any) -> Result:
    words = ("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=merge", "-p", json.dumps({"spec": change}))
    return cluster.try_kubectl(*words)


@contextmanager
def put_back(cluster: Cluster) -> Iterator[None]:
    """Whatever is set within, the spec is afterwards what it was, and in effect."""
    before = spec(cluster)
    try:
        yield
    finally:
        change = [{"op": "replace", "path": "/spec", "value": before}]
        cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=json", "-p", json.dumps(change))
        settled(cluster)


def settled(cluster: Cluster) -> None:
    """The present generation is installed and works."""

    def probe() -> bool:
        found = kubevirt(cluster)
        status = found["status"]
        seen = status.get("observedGeneration") == found["metadata"]["generation"]
        return seen and status["observedDeploymentID"] == status["targetDeploymentID"] and is_true(found, "Available")

    until("the KubeVirt object is settled", probe, 120)


def components(cluster: Cluster) -> dict[str, int]:
    """Restarts of the containers of each of our pods, by the pod's UID."""
    return {
        pod["metadata"]["uid"]: sum(each["restartCount"] for each in pod["status"]["containerStatuses"])
        for pod in cluster.list("pods", NAMESPACE, SELECTOR)
        if "deletionTimestamp" not in pod["metadata"]
    }


class Load:
    """A user who creates guests for trial and looks at one that runs, again and again until left; all must succeed.

    So each round asks a webhook, the aggregated API, and through it the agent of the guest's node.
    """

    def __init__(self, cluster: Cluster, namespace: str, guest: str) -> None:
        one = f"{SUBRESOURCES}/namespaces/{namespace}/virtualmachineinstances/{guest}"
        create = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances?dryRun=All"
        calls = (
            ("POST", create, vmi("trial", namespace)),
            ("GET", f"{SUBRESOURCES}/namespaces/{namespace}/virtualmachines/{guest}/expand-spec", None),
        )
        looks = ("GET", f"{one}/vnc/screenshot", None)
        self._cluster, self._over = cluster, threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=each) for each in (*calls, looks)]
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _repeat(self, method: str, path: str, body: Object | None) -> None:
        while not self._over.wait(0.1):
            try:
                answer = call(self._cluster, method, path, body)
                wrong = "" if answer.status < 400 else f"{answer.status} {answer.body[:300]!r}"
            except OSError as error:
                wrong = repr(error)
            self.answered[path] += 1
            if wrong:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {method} {path}: {wrong}")
