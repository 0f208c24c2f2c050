"""A real cluster as the tests see it: kubectl and node control, nothing of podvirt's own code."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        """The object, or None where it does not exist."""
        scope = ["-n", namespace] if namespace else []
        text = self.kubectl(*scope, "get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        scope = ["-n", namespace] if namespace else ["-A"]
        chosen = ["-l", selector] if selector else []
        items: list[Object] = json.loads(self.kubectl("get", kind, *scope, *chosen, "-o", "json"))["items"]
        return items

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
