"""Storage of a launcher pod that is smaller than what its guest was promised."""

import subprocess

from localcluster.cluster import store

from .cluster import Cluster

PODS = "/var/lib/kubelet/pods"


class SmallVolume:
    """A file system of its own in the place of a pod's emptyDir, on the node where the pod will be.

    It is mounted before the pod is bound to the node: the kubelet takes what it finds there, and unmounts it later.
    """

    def __init__(self, cluster: Cluster, node: str, pod_uid: str, volume: str, mebibytes: int) -> None:
        init = store.of(cluster.name).init_of(node)
        assert init is not None, f"{node} does not run"
        self._enter = ["nsenter", "--target", str(init.pid), "--mount"]
        self._path = f"{PODS}/{pod_uid}/volumes/kubernetes.io~empty-dir/{volume}"
        self._run("mkdir", "-p", self._path)
        self._run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", "small", self._path)

    def grow(self, mebibytes: int) -> None:
        self._run("mount", "-o", f"remount,size={mebibytes}m", self._path)

    def remove(self) -> None:
        """Take it away where the kubelet has not."""
        subprocess.run([*self._enter, "umount", "--lazy", self._path], capture_output=True, timeout=30, check=False)

    def _run(self, *words: str) -> None:
        subprocess.run([*self._enter, *words], check=True, capture_output=True, timeout=30)
