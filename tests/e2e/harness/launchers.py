"""What runs inside a launcher pod, and its sudden end."""

from .cluster import Cluster

LAUNCHER = "^/usr/bin/python3.*virt-launcher"
QEMU = "^/usr/bin/qemu-system"
_KILL = (
    "for p in /proc/[0-9]*; do "
    "tr '\\0' ' ' < $p/cmdline | grep -q '{match}' && kill -{signal} ${{p#/proc/}}; "
    "done; true"
)


def kill_in_launcher(cluster: Cluster, namespace: str, pod: str, match: str, signal: str = "KILL") -> None:
    """A signal for the processes of the compute container whose command line matches."""
    script = _KILL.format(match=match, signal=signal)
    cluster.try_kubectl("-n", namespace, "exec", pod, "-c", "compute", "--", "sh", "-c", script, seconds=30)
