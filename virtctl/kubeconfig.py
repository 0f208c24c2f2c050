"""Which cluster is meant, by kubectl's rules.

`--kubeconfig`, else every file of `$KUBECONFIG` (the first to name a thing wins), else `~/.kube/config`, else the pod
we run in. Flags then replace single values of what the chosen context says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from virt_runtime.access import SERVICE_ACCOUNT, Access, AccessError, from_config, in_cluster

Config = dict[str, Any]
_SECTIONS = ("clusters", "contexts", "users")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_CHOSEN = "virtctl"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of the cluster; empty where it says nothing."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    as_user: str = ""
    as_uid: str = ""
    as_group: tuple[str, ...] = ()


def access(flags: Flags, environment: Mapping[str, str] = os.environ) -> Access:
    """The cluster, who we are to it, and the namespace. Raises AccessError."""
    found = _found(flags, environment)
    if found is None:
        return _with_namespace(_alone(flags, environment), flags)
    config, path = found
    return _with_namespace(from_config(_chosen(config, flags, path), path, _CHOSEN), flags)


def _with_namespace(access: Access, flags: Flags) -> Access:
    return Access(
        server=access.server,
        tls=access.tls,
        token=access.token,
        server_name=access.server_name,
        namespace=flags.namespace or access.namespace,
        headers=_impersonation(flags),
    )


def _impersonation(flags: Flags) -> tuple[tuple[str, str], ...]:
    headers = [("Impersonate-User", flags.as_user), ("Impersonate-Uid", flags.as_uid)]
    headers += [("Impersonate-Group", group) for group in flags.as_group]
    return tuple((name, value) for name, value in headers if value)


def _alone(flags: Flags, environment: Mapping[str, str]) -> Access:
    """No kubeconfig at all: a server that was named, or the cluster around us."""
    if flags.server:
        return from_config(_chosen({}, flags, Path.cwd()), Path.cwd() / "flags", _CHOSEN)
    if environment.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
        return in_cluster()
    raise AccessError("no kubeconfig found: set $KUBECONFIG, or say --kubeconfig FILE")


def _found(flags: Flags, environment: Mapping[str, str]) -> tuple[Config, Path] | None:
    """The merged configuration, and the file to name in messages."""
    if flags.kubeconfig:
        path = Path(flags.kubeconfig)
        return _read(path), path
    named = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    home = Path(environment.get("HOME") or "~").expanduser()
    paths = [path for path in named or [home / ".kube" / "config"] if path.exists()]
    if not paths:
        return None
    merged: Config = {}
    for path in paths:
        merged = _merged(merged, _read(path))
    return merged, paths[0]


def _read(path: Path) -> Config:
    import yaml  # not needed by who only asks for help

    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise AccessError(f"cannot read kubeconfig {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise AccessError(f"kubeconfig {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise AccessError(f"kubeconfig {path} is empty")
    return _absolute(config, path.absolute().parent)


def _absolute(config: Config, folder: Path) -> Config:
    """File names in a kubeconfig are relative to it; merged with others, they must say so themselves."""
    for section, inner in (("clusters", "cluster"), ("users", "user")):
        for entry in config.get(section) or []:
            values = entry.get(inner) or {}
            values.update({name: str(folder / values[name]) for name in _FILES if values.get(name)})
    return config


def _merged(first: Config, second: Config) -> Config:
    merged: Config = {**second, **{key: value for key, value in first.items() if value}}
    for section in _SECTIONS:
        entries = [*(first.get(section) or []), *(second.get(section) or [])]
        merged[section] = list({entry["name"]: entry for entry in reversed(entries)}.values())
    return merged


def _chosen(config: Config, flags: Flags, path: Path) -> Config:
    """A configuration of one context in which the flags have replaced what they say."""
    context = _context(config, flags, path)
    cluster = _cluster(config, flags, context, path) | _said(
        {
            "server": flags.server,
            "certificate-authority": flags.certificate_authority,
            "tls-server-name": flags.tls_server_name,
            "insecure-skip-tls-verify": flags.insecure_skip_tls_verify,
        }
    )
    if flags.certificate_authority:
        cluster.pop("certificate-authority-data", None)
    return {
        "clusters": [{"name": _CHOSEN, "cluster": cluster}],
        "users": [{"name": _CHOSEN, "user": _user(config, flags, context, path)}],
        "contexts": [{"name": _CHOSEN, "context": {**context, "cluster": _CHOSEN, "user": _CHOSEN}}],
    }


def _context(config: Config, flags: Flags, path: Path) -> Config:
    name = flags.context or config.get("current-context") or ""
    if not name and (flags.server or flags.cluster):
        return {}
    return _named(config, "contexts", "context", name, path)


def _cluster(config: Config, flags: Flags, context: Config, path: Path) -> Config:
    name = flags.cluster or context.get("cluster", "")
    return {} if flags.server and not name else _named(config, "clusters", "cluster", name, path)


def _user(config: Config, flags: Flags, context: Config, path: Path) -> Config:
    """Whoever brings a token is nobody else: no certificate and no plugin goes with it."""
    if flags.token:
        return {"token": flags.token}
    name = flags.user or context.get("user", "")
    known = _named(config, "users", "user", name, path) if name else {}
    if flags.client_certificate:
        known = {key: value for key, value in known.items() if not key.endswith("-data")}
    return known | _said({"client-certificate": flags.client_certificate, "client-key": flags.client_key})


def _said(values: Config) -> Config:
    return {key: value for key, value in values.items() if value}


def _named(config: Config, section: str, key: str, name: str, path: Path) -> Config:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return dict(entry.get(key) or {})
    raise AccessError(f"kubeconfig {path} has no {key} named {name!r}" if name else f"kubeconfig {path} has no {key}")
