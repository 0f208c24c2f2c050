"""The launcher's own tests where libvirt and QEMU are: in a pod of its image, as its user and with its limits."""

import base64
import io
import site
import tarfile
from pathlib import Path

from tests.e2e.harness.cluster import REPO, Cluster

IMAGE = "localhost/podvirt/virt-launcher:v0.1.0"
TREE = ("api", "virt_model", "virt_ipc", "virt_launcher", "tests/__init__.py", "tests/goldens/domain",
        "tests/unit/__init__.py", "tests/unit/virt_launcher", "pyproject.toml")  # fmt: skip
PACKAGES = ("pytest", "_pytest", "py.py", "pluggy", "iniconfig", "packaging", "pygments")
UNPACK = (
    "import base64, io, sys, tarfile; "
    "tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall('/work', filter='data')"
)
ABSENT = ("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "pastebin", "unittest")
"""Plugins of the runner that ask for parts of Python's library which the image does without."""
FILES = ("test_words.py", "test_domain_goldens.py", "test_hypervisor.py", "test_moving.py")
RUN = ("-q", "-W", "ignore", *(word for name in ABSENT for word in ("-p", f"no:{name}")),
       *(f"tests/unit/virt_launcher/{name}" for name in FILES))  # fmt: skip


def bundle() -> str:
    """Base64 of a tar of the tests, what they test, and the runner with its libraries, which are Python alone."""
    packages = Path(site.getsitepackages()[0])
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for root, names in ((REPO, TREE), (packages, PACKAGES)):
            for name in names:
                archive.add(root / name, name, filter=_without_caches)
    return base64.b64encode(written.getvalue()).decode()


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


def pod(namespace: str) -> dict[str, object]:
    container = {
        "name": "tests",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["tini", "--", "sleep", "infinity"],  # somebody must reap what QEMU leaves
        "workingDir": "/work",
        "env": [{"name": "HOME", "value": "/work"}, {"name": "TMPDIR", "value": "/work"}],
        "volumeMounts": [{"name": "work", "mountPath": "/work"}],
        "resources": {"limits": {"devices.kubevirt.io/tun": "1"}},  # with it comes what post-copy needs
        "securityContext": {"runAsUser": 107, "runAsGroup": 107, "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    spec = {"containers": [container], "volumes": [{"name": "work", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 0}  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tests", "namespace": namespace}, "spec": spec}


def test_libvirt_takes_our_domains_and_lives_with_our_driver(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.create(pod(namespace))
    cluster.kubectl("-n", namespace, "wait", "pod/tests", "--for=condition=Ready", "--timeout=60s")
    inside = ("-n", namespace, "exec", "-i", "tests", "--")
    cluster.kubectl(*inside, "python3", "-c", UNPACK, stdin=bundle())
    result = cluster.try_kubectl(*inside, "python3", "-m", "pytest", *RUN, seconds=180)
    assert result.code == 0, result.out[-3000:] + result.err
    assert "skipped" not in result.out, result.out[-500:]
