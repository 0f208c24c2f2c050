"""Which compiler, which cache key, and whether KVM is believed."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from localcluster.host import kvm
from localcluster.paths import SOURCE
from localcluster.programs import binaries, toolchain, wheels
from localcluster.trouble import Trouble


def test_versions_of_go_are_read() -> None:
    assert toolchain.version("go version go1.26.8 linux/amd64") == (1, 26, 8)
    assert toolchain.version("go version go1.27 linux/amd64") == (1, 27, 0)
    assert toolchain.version("nothing") == ()
    assert toolchain.version("go version go1.19.8 linux/amd64") < toolchain.NEEDED


def test_the_cache_key_follows_sources_flags_and_compiler(tmp_path: Path) -> None:
    module = binaries.MODULES[0]
    (tmp_path / "main.go").write_text("package main")
    key = binaries.content_key(module, tmp_path, "go1")
    assert key == binaries.content_key(module, tmp_path, "go1")
    (tmp_path / "notes.txt").write_text("does not matter")
    assert key == binaries.content_key(module, tmp_path, "go1")
    assert key != binaries.content_key(module, tmp_path, "go2")
    assert key != binaries.content_key(replace(module, ldflags=""), tmp_path, "go1")
    (tmp_path / "main.go").write_text("package main // changed")
    assert key != binaries.content_key(module, tmp_path, "go1")


@pytest.mark.parametrize("module", binaries.MODULES, ids=lambda module: module.folder)
def test_every_module_is_pinned(module: binaries.Module) -> None:
    folder = SOURCE / "go" / module.folder
    assert (folder / "go.sum").stat().st_size > 0
    if module.folder == "kubernetes":
        assert f"k8s.io/kubernetes v{binaries.KUBERNETES}" in (folder / "go.mod").read_text()


def test_the_program_of_a_wheel_is_found_and_may_be_run(tmp_path: Path) -> None:
    place = tmp_path / "x-1.data" / "scripts" / "tool"
    place.parent.mkdir(parents=True)
    place.write_text("#!/bin/sh\n")
    assert wheels.executable(tmp_path, "tool") == place
    assert subprocess.run([place], check=False).returncode == 0
    with pytest.raises(Trouble, match="no program other"):
        wheels.executable(tmp_path, "other")


def test_a_processor_without_virtualization_is_not_believed() -> None:
    assert not kvm.virtualizes("flags\t\t: fpu vme hypervisor\n")
    assert kvm.virtualizes("flags\t\t: fpu vmx\n") and kvm.virtualizes("flags\t\t: fpu svm\n")


def test_the_environment_overrules_the_probe_but_makes_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvm, "DEVICE", tmp_path / "kvm")
    monkeypatch.setenv("PODVIRT_KVM", "yes")
    assert not kvm.usable()
    (tmp_path / "kvm").touch()
    assert kvm.usable()
    monkeypatch.setenv("PODVIRT_KVM", "no")
    assert not kvm.usable()
