"""A real cluster as the tests see it: the API, kubectl and node control, nothing of podvirt's own code.

What a test changes it changes as a person does, with kubectl. What it looks at, again and again until something is so,
it reads from the API itself: a kubectl for each look takes more of the machine than what is tested.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import kinds, rest

Object = dict[str, Any]
REPO = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cluster:
    """`name` of the local cluster, its kubeconfig file and the kubectl binary."""

    name: str
    kubeconfig: str
    kubectl_binary: str

    def try_kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> Result:
        command = [self.kubectl_binary, "--kubeconfig", self.kubeconfig, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds)
        return Result(done.returncode, done.stdout, done.stderr)

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """Output of a kubectl call that must succeed."""
        result = self.try_kubectl(*words, stdin=stdin, seconds=seconds)
        if result.code:
            raise RuntimeError(f"kubectl {' '.join(words)}: {result.err.strip() or result.out.strip()}")
        return result.out

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None where it does not exist; `kind` is any word that kubectl knows for it."""
        return self._read(kinds.resolve(self, kind).path(namespace or "default", name))

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        """Of one or more kinds, separated by commas; of all namespaces unless one is given."""
        found: list[Object] = []
        for each in (kinds.resolve(self, word) for word in kind.split(",")):
            answer = self._read(f"{each.path(namespace)}?{urlencode({'labelSelector': selector})}")
            of_kind = {"apiVersion": each.version, "kind": each.name}  # a list says it once for all
            found += [of_kind | item for item in (answer or {"items": []})["items"]]
        return found

    def _read(self, path: str) -> Object | None:
        answer = rest.call(self, "GET", path)
        if answer.status not in (200, 404):
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return None if answer.status == 404 else answer.json()

    def log(self, namespace: str, pod: str, container: str) -> str | None:
        """What a container has printed so far; None where that cannot be read."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{urlencode({'container': container})}"
        try:
            answer = rest.call(self, "GET", path)
        except TimeoutError:  # the API server still asks the kubelet of a node that has lost its power
            return None
        return answer.body.decode(errors="replace") if answer.status == 200 else None

    def create(self, *objects: Object) -> None:
        self.kubectl(
            "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        )

    def refuse(self, obj: Object) -> Result:
        """The answer to a creation that must fail; everything the API says is in `err`."""
        result = self.try_kubectl("create", "-f", "-", stdin=json.dumps(obj))
        assert result.code, f"was accepted: {result.out}"
        return result

    def delete(self, kind: str, name: str, namespace: str, *words: str, seconds: float = 120.0) -> None:
        self.kubectl("-n", namespace, "delete", kind, name, *words, seconds=seconds)

    def virtctl(self, *words: str, seconds: float = 60.0) -> Result:
        command = [sys.executable, "-m", "virtctl", "--kubeconfig", self.kubeconfig, *words]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=seconds)
        return Result(done.returncode, done.stdout, done.stderr)

    def node(self, action: str, node: str) -> None:
        """`start`, `stop` or `kill` a node of the local cluster."""
        command = [sys.executable, "-m", "localcluster", "node", action, node, "--name", self.name]
        subprocess.run(command, cwd=REPO, check=True, timeout=180)
