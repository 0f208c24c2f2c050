"""Our context goes into a kubeconfig and out again, and what else is in it stays."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from localcluster import paths
from localcluster.cluster import access, pki
from localcluster.cluster.store import Store
from localcluster.host.addresses import Network
from localcluster.render.kubeconfig import for_component, for_people
from localcluster.render.spec import Spec
from localcluster.trouble import Trouble

SPEC = Spec(name="t", network=Network(block=IPv4Network("10.99.0.0/16")), size=1)


@pytest.fixture(scope="module")
def kubectl() -> Path:
    found = shutil.which("kubectl") or next((str(p) for p in paths.cache().glob("wheels/kubectl*/**/kubectl")), None)
    if found is None:
        pytest.skip("no kubectl on this machine yet: `python3 -m localcluster kubectl-path` fetches one")
    return Path(found)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(root=tmp_path_factory.mktemp("clusters") / "t")
    pki.make(SPEC, made.pki)
    return made


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(place))
    yield place


def _view(kubectl: Path) -> dict[str, Any]:
    shown = subprocess.run([kubectl, "config", "view", "--raw", "-o", "json"], capture_output=True, check=True)
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def _names(document: dict[str, Any], section: str) -> list[str]:
    return [entry["name"] for entry in document.get(section) or []]


def test_a_context_is_merged_and_becomes_current(kubectl: Path, store: Store, config: Path) -> None:
    config.write_text(json.dumps(for_component("other", "https://192.0.2.1", "/pki")))
    access.merge(kubectl, store, SPEC)
    access.merge(kubectl, store, SPEC)
    document = _view(kubectl)
    assert document["current-context"] == "podvirt-t"
    for section in ("contexts", "clusters", "users"):
        assert sorted(_names(document, section)) == ["other", "podvirt-t"]
    cluster = next(entry["cluster"] for entry in document["clusters"] if entry["name"] == "podvirt-t")
    assert cluster["server"] == "https://10.99.0.11:6443" and "certificate-authority-data" in cluster


def test_withdrawing_leaves_what_was_there(kubectl: Path, store: Store, config: Path) -> None:
    config.write_text(json.dumps(for_component("other", "https://192.0.2.1", "/pki")))
    access.merge(kubectl, store, SPEC)
    access.withdraw(kubectl, SPEC.context)
    access.withdraw(kubectl, SPEC.context)
    document = _view(kubectl)
    assert document.get("current-context", "") == ""
    for section in ("contexts", "clusters", "users"):
        assert _names(document, section) == ["other"]


def test_withdrawing_from_nothing_is_fine(kubectl: Path, config: Path) -> None:
    access.withdraw(kubectl, SPEC.context)


def test_another_current_context_stays_current(kubectl: Path, store: Store, config: Path) -> None:
    config.write_text(json.dumps(for_component("other", "https://192.0.2.1", "/pki")))
    access.merge(kubectl, store, SPEC)
    subprocess.run([kubectl, "config", "use-context", "other"], check=True, capture_output=True)
    access.withdraw(kubectl, SPEC.context)
    assert _view(kubectl)["current-context"] == "other"


def test_a_broken_kubeconfig_is_named(kubectl: Path, store: Store, config: Path) -> None:
    config.write_text("{broken")
    with pytest.raises(Trouble, match="your kubeconfig cannot be changed"):
        access.merge(kubectl, store, SPEC)
    assert config.read_text() == "{broken"


def test_our_own_file_is_complete_and_secret(store: Store) -> None:
    access.write_own(store, SPEC)
    document = json.loads(store.kubeconfig.read_text())
    assert document["current-context"] == "podvirt-t"
    assert store.kubeconfig.stat().st_mode & 0o077 == 0


def test_people_get_data_and_components_get_files() -> None:
    people = for_people("c", "https://x", b"ca", b"crt", b"key")
    assert people["users"][0]["user"]["client-key-data"] == "a2V5"
    component = for_component("kube-proxy", "https://x", "/pki")
    assert component["users"][0]["user"]["client-key"] == "/pki/kube-proxy.key"


def test_certificates_chain_to_their_authority_and_are_kept(store: Store) -> None:
    before = (store.pki / "admin.crt").read_bytes()
    pki.make(SPEC, store.pki)
    assert (store.pki / "admin.crt").read_bytes() == before
    for leaf, authority in (("apiserver", "ca"), ("front-proxy-client", "front-proxy-ca")):
        verify = ["openssl", "verify", "-CAfile", f"{store.pki}/{authority}.crt", f"{store.pki}/{leaf}.crt"]
        assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    assert store.pki.stat().st_mode & 0o077 == 0
