"""What users meet: one line when something lacks, never a traceback."""

import json
import os
from pathlib import Path

import pytest

from localcluster import paths
from localcluster.__main__ import main
from localcluster.cluster import logs, store
from localcluster.host import cgroups, needs
from localcluster.render.spec import from_document
from localcluster.trouble import Trouble


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CLUSTERS", tmp_path / "clusters")
    monkeypatch.setattr(store, "LOCKS", tmp_path)
    monkeypatch.setenv("PODVIRT_CACHE", str(tmp_path / "cache"))


def _one_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and "Traceback" not in said and said.startswith("localcluster: ")
    return said


def test_not_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["up"]) == 1
    assert "needs root" in _one_line(capsys)


def test_no_space(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs, "SPACE_TO_BUILD_GIB", 10**9)
    assert main(["up"]) == 1
    assert "PODVIRT_CACHE" in _one_line(capsys)


def test_no_cgroups(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cgroups, "here", lambda: cgroups.read_layout("1 0 0:2 / /proc rw - proc proc rw"))
    assert main(["up"]) == 1
    assert "no cgroups" in _one_line(capsys)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for words in (["status"], ["kubeconfig"], ["load", "x.tar"], ["node", "kill", "node1"], ["logs", "etcd"]):
        assert main(words) == 1
        assert "there is no cluster podvirt" in _one_line(capsys)
    assert main(["down"]) == 0


def test_a_bad_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kubeconfig", "--name", "../etc"]) == 1
    assert "cannot name a cluster" in _one_line(capsys)


def test_missing_programs_are_found_missing() -> None:
    assert needs.missing({"one": "/no/such/file", "two": "no-such-program", "sh": "sh", "proc": "/proc/self"}) == [
        "one",
        "two",
    ]


def _made(name: str) -> store.Store:
    place = store.of(name)
    place.save(from_document({"name": name, "block": "10.85.0.0/16", "size": 2}))
    return place


def test_logs_are_found_on_the_node_that_has_them() -> None:
    place = _made("a")
    for node, component in (("node1", "etcd"), ("node1", "kubelet"), ("node2", "kubelet")):
        place.logs(node).mkdir(parents=True, exist_ok=True)
        (place.logs(node) / f"{component}.log").write_text(node)
    assert logs.find(place, "kubelet", None).read_text() == "node1"
    assert logs.find(place, "kubelet", "node2").read_text() == "node2"
    with pytest.raises(Trouble, match="name one of etcd, kubelet"):
        logs.find(place, "nonesuch", None)


def test_paths_that_others_use_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    place = _made("a")
    assert main(["kubeconfig", "--name", "a"]) == 0
    assert main(["audit-log", "--name", "a"]) == 0
    assert capsys.readouterr().out.split() == [str(place.kubeconfig), str(place.logs("node1") / "audit.log")]


def test_clusters_are_listed_and_half_made_ones_are_not() -> None:
    _made("a")
    (paths.CLUSTERS / "b").mkdir()
    assert [each.name for each in store.everyone()] == ["a"]


def test_a_lock_leaves_no_file_and_excludes(tmp_path: Path) -> None:
    with store.locked("a"):
        assert (tmp_path / "podvirt-a.lock").exists()
    assert not (tmp_path / "podvirt-a.lock").exists()
    with store.locked("a"):
        assert json.loads("1") == 1


def test_a_process_record_is_read_back() -> None:
    place = _made("a")
    assert place.init_of("node1") is None
    record = {role: {"pid": 7, "started": 9, "boot": "b"} for role in ("init", "outer")}
    store.write(place.node("node1") / "process.json", json.dumps(record))
    process = place.init_of("node1")
    assert process is not None and (process.pid, process.started, process.boot) == (7, 9, "b")
