"""Where the API is and who we are: kubeconfig files of every kind, and the pod's own account."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from virt_runtime import access
from virt_runtime.access import AccessError


def write(path: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> Path:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ns"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://api:6443/"} | (cluster or {})}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_token_and_server(tmp_path: Path) -> None:
    found = access.load(str(write(tmp_path / "config", {"token": "t"}, {"tls-server-name": "other"})))
    assert (found.server, found.token(), found.server_name, found.namespace) == ("https://api:6443", "t", "other", "ns")


def test_client_certificate_from_data_and_from_files(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("me")
    certificate, key = made.cert_chain_pems[0].bytes(), made.private_key_pem.bytes()
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    encoded = {name: base64.b64encode(value).decode() for name, value in (("c", certificate), ("k", key))}
    bundle = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
    for user in (
        {"client-certificate": "crt", "client-key": "key"},
        {"client-certificate-data": encoded["c"], "client-key-data": encoded["k"]},
    ):
        found = access.load(str(write(tmp_path / "config", user, bundle)))
        assert found.tls is not None
        assert len(found.tls.get_ca_certs()) == 1
        assert found.token() == ""


def test_exec_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho "{\\"status\\": {\\"token\\": \\"from-$WHO\\"}}"\n')
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "env": [{"name": "WHO", "value": "plugin"}],
        }
    }
    assert access.load(str(write(tmp_path / "config", user))).token() == "from-plugin"
    user["exec"]["command"] = "/no/such/plugin"
    with pytest.raises(AccessError, match="/no/such/plugin"):
        access.load(str(write(tmp_path / "config", user)))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot read kubeconfig"):
        access.load(str(tmp_path / "none"))
    (tmp_path / "empty").write_text("")
    with pytest.raises(AccessError, match="is empty"):
        access.load(str(tmp_path / "empty"))
    with pytest.raises(AccessError, match="no context named 'x'"):
        access.load(str(write(tmp_path / "config", {})), "x")


def test_in_a_pod_the_token_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    (tmp_path / "namespace").write_text("kubevirt\n")
    (tmp_path / "token").write_text("one\n")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = access.in_cluster(tmp_path)
    assert (found.server, found.namespace, found.token()) == ("https://[fd00::1]:443", "kubevirt", "one")
    (tmp_path / "token").write_text("two\n")
    os.utime(tmp_path / "token", ns=(1, 1))
    assert found.token() == "two"
