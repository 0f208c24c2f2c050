"""The user's kubeconfig: our context is merged in by kubectl itself, which keeps what else is in it."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster.cluster.store import Store, write
from localcluster.render import kubeconfig
from localcluster.render.spec import Spec
from localcluster.shell import CommandFailed, run
from localcluster.trouble import Trouble


def write_own(store: Store, spec: Spec) -> None:
    """The cluster's own kubeconfig file, self-contained."""
    ca, certificate, key = ((store.pki / name).read_bytes() for name in ("ca.crt", "admin.crt", "admin.key"))
    write(
        store.kubeconfig,
        json.dumps(kubeconfig.for_people(spec.context, spec.api, ca, certificate, key), indent=1) + "\n",
        0o600,
    )


def merge(kubectl: Path, store: Store, spec: Spec) -> None:
    """Add context, cluster and user to the user's kubeconfig ($KUBECONFIG is honoured) and make it current."""
    name, pki = spec.context, store.pki
    commands = (
        ["set-cluster", name, f"--server={spec.api}", f"--certificate-authority={pki}/ca.crt", "--embed-certs=true"],
        [
            "set-credentials",
            name,
            f"--client-certificate={pki}/admin.crt",
            f"--client-key={pki}/admin.key",
            "--embed-certs=true",
        ],
        ["set-context", name, f"--cluster={name}", f"--user={name}"],
        ["use-context", name],
    )
    for command in commands:
        _config(kubectl, *command)


def withdraw(kubectl: Path, context: str) -> None:
    """Take our entries out again; what is not there is left."""
    listings = {"delete-context": "contexts", "delete-cluster": "clusters", "delete-user": "users"}
    seen = json.loads(_config(kubectl, "view", "-o", "json"))
    for command, section in listings.items():
        if any(entry["name"] == context for entry in seen.get(section) or []):
            _config(kubectl, command, context)
    if seen.get("current-context") == context:
        _config(kubectl, "unset", "current-context")


def _config(kubectl: Path, *words: str) -> str:
    try:
        return run([kubectl, "config", *words])
    except CommandFailed as error:
        raise Trouble(
            f"your kubeconfig cannot be changed: {error}", "mend that file, or point KUBECONFIG at another"
        ) from None
