"""Which cluster is meant: files, merging, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from virt_runtime.access import AccessError
from virtctl.kubeconfig import Flags, access


def written(path: Path, name: str = "one", server: str = "http://one:1", **more: Any) -> Path:
    """A kubeconfig of one context, cluster and user of the same name."""
    config = {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": f"token-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
        "current-context": name,
        **more,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_first_file_wins_and_the_second_adds(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b", "two", "http://two:2")
    environment = {"KUBECONFIG": f"{first}:{second}:{tmp_path / 'missing'}"}
    found = access(Flags(), environment)
    assert (found.server, found.namespace, found.token()) == ("http://one:1", "ns-one", "token-one")
    found = access(Flags(context="two", namespace="other"), environment)
    assert (found.server, found.namespace, found.token()) == ("http://two:2", "other", "token-two")


def test_home_is_looked_at_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube" / "config")
    assert access(Flags(), {"HOME": str(tmp_path)}).server == "http://one:1"
    other = written(tmp_path / "other", "two", "http://two:2")
    assert access(Flags(kubeconfig=str(other)), {"HOME": str(tmp_path)}).server == "http://two:2"


def test_flags_replace_single_values(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a", users=[{"name": "one", "user": {"token": "t1"}}, {"name": "u2", "user": {"token": "t2"}}]
    )
    base = Flags(kubeconfig=str(path))
    assert access(base).token() == "t1"
    assert access(Flags(kubeconfig=str(path), user="u2")).token() == "t2"
    assert access(Flags(kubeconfig=str(path), token="t3", server="http://x")).token() == "t3"
    assert access(Flags(kubeconfig=str(path), server="http://x")).server == "http://x"
    impersonating = access(Flags(kubeconfig=str(path), as_user="bob", as_group=("a", "b")))
    assert impersonating.headers == (
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    )


def test_a_server_alone_is_enough(tmp_path: Path) -> None:
    found = access(Flags(server="http://here:8080", token="t"), {"HOME": str(tmp_path)})
    assert (found.server, found.token(), found.namespace) == ("http://here:8080", "t", "default")


def test_an_exec_plugin_gives_the_token_beside_the_file(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    status = '{"kind":"ExecCredential","status":{"token":"fresh"}}'
    plugin.write_text(f"#!/bin/sh\necho '{status}'\n")
    plugin.chmod(0o755)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}
    path = written(tmp_path / "a", users=[{"name": "one", "user": {"exec": run}}])
    assert access(Flags(kubeconfig=str(path))).token() == "fresh"


def test_token_files_are_relative_to_their_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "token").write_text("inside\n")
    path = written(tmp_path / "sub" / "a", users=[{"name": "one", "user": {"tokenFile": "token"}}])
    other = written(tmp_path / "b", "two")
    assert access(Flags(context="one"), {"KUBECONFIG": f"{other}:{path}"}).token() == "inside"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not YAML"),
        ("current-context: nowhere", "no context named 'nowhere'"),
        ("{contexts: [{name: a, context: {cluster: b}}], current-context: a}", "no cluster named 'b'"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(AccessError, match=message) as caught:
        access(Flags(kubeconfig=str(path)))
    assert "\n" not in str(caught.value)


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no kubeconfig found"):
        access(Flags(), {"HOME": str(tmp_path)})
