"""The three layouts of cgroups, read from mountinfo and made in a tree of plain files."""

from pathlib import Path

import pytest

from localcluster.host import cgroups
from localcluster.host.cgroups import Kind, Layout
from localcluster.trouble import Trouble

V1_NAMES = ("cpu,cpuacct", "cpuset", "memory", "pids", "devices")


def _line(place: str, kind: str, options: str) -> str:
    return f"30 20 0:26 / {place} rw,relatime shared:5 - {kind} {kind} rw,{options}"


def _v1_lines() -> list[str]:
    return [_line(f"/sys/fs/cgroup/{names}", "cgroup", names) for names in V1_NAMES]


SYSTEMD = _line("/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd")


def test_v2_only() -> None:
    layout = cgroups.read_layout(_line("/sys/fs/cgroup", "cgroup2", "nsdelegate"))
    assert (layout.kind, layout.v2, layout.v1) == (Kind.V2, Path("/sys/fs/cgroup"), {})


def test_v1_only() -> None:
    layout = cgroups.read_layout("\n".join([*_v1_lines(), SYSTEMD]))
    assert layout.kind is Kind.V1 and layout.v2 is None
    assert layout.v1[Path("/sys/fs/cgroup/cpu,cpuacct")] == {"cpu", "cpuacct"}
    assert layout.v1[Path("/sys/fs/cgroup/systemd")] == {"systemd"}


def test_hybrid_counts_as_v1_with_one_more_tree() -> None:
    unified = _line("/sys/fs/cgroup/unified", "cgroup2", "nsdelegate")
    layout = cgroups.read_layout("\n".join([*_v1_lines(), SYSTEMD, unified]))
    assert layout.kind is Kind.HYBRID
    assert layout.roots()[-1] == Path("/sys/fs/cgroup/unified")


def test_no_cgroups_and_missing_controllers_are_told_apart() -> None:
    with pytest.raises(Trouble, match="no cgroups are mounted"):
        cgroups.read_layout(_line("/proc", "proc", "x"))
    with pytest.raises(Trouble, match="missing: cpuset, pids"):
        cgroups.read_layout("\n".join(_line(f"/c/{name}", "cgroup", name) for name in ("cpu", "memory")))


def test_a_v1_cpuset_inherits_processors_and_memory_at_each_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel makes these files with the directory; a plain directory gets them from the patched mkdir."""
    (tmp_path / "cpuset.cpus").write_text("0-3\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    made = Path.mkdir

    def mkdir(self: Path, *, exist_ok: bool) -> None:
        made(self, exist_ok=exist_ok)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not (self / name).exists():
                (self / name).write_text("\n")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    cgroups.make(Layout(kind=Kind.V1, v1={tmp_path: frozenset({"cpuset"})}, v2=None), "cluster/node1/system")
    for level in ("cluster", "cluster/node1", "cluster/node1/system"):
        assert (tmp_path / level / "cpuset.cpus").read_text() == "0-3\n"
        assert (tmp_path / level / "cgroup.clone_children").read_text() == "1"


def _v2_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A v2 tree of plain files; returns the writes to `cgroup.subtree_control`, in order, as `level +controller`."""
    (root / "cgroup.controllers").write_text("cpu cpuset memory pids\n")
    writes: list[str] = []
    made, wrote = Path.mkdir, Path.write_text

    def mkdir(self: Path, *, exist_ok: bool) -> None:
        made(self, exist_ok=exist_ok)
        wrote(self / "cgroup.controllers", "cpu cpuset memory pids\n")

    def write_text(self: Path, text: str) -> int:
        if self.name == "cgroup.subtree_control":
            if (self.parent / "busy").exists():
                raise OSError(16, "Device or resource busy")
            writes.append(f"{self.parent.relative_to(root)} {text}")
        return wrote(self, text)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "write_text", write_text)
    return writes


def test_v2_hands_controllers_down_to_the_parent_of_the_leaf_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cgroup with processes (the leaf) must not hand controllers down."""
    writes = _v2_tree(tmp_path, monkeypatch)
    cgroups.make(Layout(kind=Kind.V2, v1={}, v2=tmp_path), "cluster/node1/system")
    assert [write for write in writes if "+memory" in write] == [
        ". +memory",
        "cluster +memory",
        "cluster/node1 +memory",
    ]
    assert (tmp_path / "cluster/node1/system").is_dir()


def test_v2_inside_a_container_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _v2_tree(tmp_path, monkeypatch)
    (tmp_path / "busy").touch()
    with pytest.raises(Trouble, match="cannot be handed to children"):
        cgroups.make(Layout(kind=Kind.V2, v1={}, v2=tmp_path), "cluster/node1")


def test_removal_takes_the_deepest_first_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "cluster/node1/kubepods/pod1").mkdir(parents=True)
    layout = Layout(kind=Kind.V2, v1={}, v2=tmp_path)
    cgroups.remove(layout, "cluster")
    assert list(tmp_path.iterdir()) == []
    cgroups.remove(layout, "cluster")


def test_removal_of_a_cgroup_that_is_in_use_ends_with_advice(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster/held").touch()
    with pytest.raises(Trouble, match=r"cgroup\.procs"):
        cgroups.remove(Layout(kind=Kind.V2, v1={}, v2=tmp_path), "cluster", seconds=0.2)


def test_the_files_to_enter_are_one_per_hierarchy() -> None:
    layout = Layout(kind=Kind.HYBRID, v1={Path("/c/cpu"): frozenset({"cpu"})}, v2=Path("/c/unified"))
    assert [str(place) for place in cgroups.entry_files(layout, "a/b")] == [
        "/c/cpu/a/b/cgroup.procs",
        "/c/unified/a/b/cgroup.procs",
    ]
