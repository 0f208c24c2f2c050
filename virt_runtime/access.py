"""Where the API server is and who we are to it: from a kubeconfig file, or from the pod we run in.

Only what authenticates is read: cluster address and CA, client certificate, token, token file, exec plugin.
The generic client package is not used for this: importing any part of it costs 20 MiB per process.
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from virt_model.name_forms import authority

from .resources import Json

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class AccessError(Exception):
    """No usable credentials: the message says what is missing and where."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """`token` is asked before each request; "" means that the TLS client certificate speaks for us."""

    server: str
    tls: ssl.SSLContext | None
    token: Callable[[], str] = field(default=lambda: "")
    server_name: str | None = None
    namespace: str = "default"
    #: sent with every request, such as Impersonate-User
    headers: tuple[tuple[str, str], ...] = ()


def load(kubeconfig: str | None = None, context: str | None = None) -> Access:
    """Explicit file first, then the pod's service account, then $KUBECONFIG or ~/.kube/config."""
    if kubeconfig:
        return from_kubeconfig(Path(kubeconfig), context)
    if os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
        return in_cluster()
    found = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    return from_kubeconfig(found, context)


def in_cluster(root: Path = SERVICE_ACCOUNT) -> Access:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        server=f"https://{authority(host, port)}",
        tls=_trusting(ssl.create_default_context(cafile=str(root / "ca.crt"))),
        token=_token_file(root / "token"),
        namespace=(root / "namespace").read_text().strip(),
    )


def from_kubeconfig(path: Path, context: str | None = None) -> Access:
    """Read one context (the current one by default) of a kubeconfig file."""
    import yaml  # only here: pods never read a kubeconfig

    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise AccessError(f"cannot read kubeconfig {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise AccessError(f"kubeconfig {path} is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise AccessError(f"kubeconfig {path} is empty")
    return from_config(config, path, context)


def from_config(config: Json, path: Path, context: str | None = None) -> Access:
    """The same of a kubeconfig that was read already; relative file names in it are relative to `path`'s folder."""
    wanted = context or config.get("current-context") or ""
    chosen = _named(config, "contexts", wanted, "context", path)
    cluster = _named(config, "clusters", chosen.get("cluster", ""), "cluster", path)
    user = _named(config, "users", chosen["user"], "user", path) if chosen.get("user") else {}
    if "exec" in user:
        user = {**user, **_run_exec_plugin(user["exec"])}
    server = str(cluster["server"]).rstrip("/")
    return Access(
        server=server,
        tls=_kubeconfig_tls(cluster, user, path.parent) if server.startswith("https") else None,
        token=_kubeconfig_token(user, path.parent),
        server_name=cluster.get("tls-server-name"),
        namespace=chosen.get("namespace") or "default",
    )


def _named(config: Json, section: str, name: str, key: str, path: Path) -> Json:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            found: Json = entry.get(key) or {}
            return found
    raise AccessError(f"kubeconfig {path} has no {key} named {name!r}")


def _kubeconfig_tls(cluster: Json, user: Json, base: Path) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority", base)
    context = _trusting(ssl.create_default_context(cadata=authority.decode() if authority else None))
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(user, "client-certificate", base), _content(user, "client-key", base)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _trusting(context: ssl.SSLContext) -> ssl.SSLContext:
    """Clusters older than this habit have authorities without the extensions that Python 3.13 asks for."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _content(section: Json, name: str, base: Path) -> bytes:
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data)
    return (base / section[name]).read_bytes() if section.get(name) else b""


def _kubeconfig_token(user: Json, base: Path) -> Callable[[], str]:
    if path := user.get("tokenFile"):
        return _token_file(base / path)
    token = str(user.get("token") or "")
    return lambda: token


def _token_file(path: Path) -> Callable[[], str]:
    """The kubelet replaces the token about hourly: the file is read again when it was swapped."""
    seen: list[tuple[int, str]] = []

    def read() -> str:
        stamp = path.stat().st_mtime_ns
        if not seen or seen[0][0] != stamp:
            seen[:] = [(stamp, path.read_text().strip())]
        return seen[0][1]

    return read


def _run_exec_plugin(plugin: Json) -> Json:
    """Credentials from a client-go exec plugin (`ExecCredential` v1 or v1beta1), as kubeconfig user fields."""
    request = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    env["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(request).decode()
    command = [plugin["command"], *(plugin.get("args") or [])]
    try:
        done = subprocess.run(command, env=os.environ | env, capture_output=True, timeout=60, check=True)
        status = msgspec.json.decode(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, KeyError) as error:
        raise AccessError(f"credential plugin {plugin['command']} failed: {error}") from error
    encoded = {
        f"{name}-data": base64.b64encode(status[key].encode()).decode()
        for name, key in (("client-certificate", "clientCertificateData"), ("client-key", "clientKeyData"))
        if status.get(key)
    }
    return {"token": status.get("token", ""), **encoded}
