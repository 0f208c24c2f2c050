"""The Go programs of a cluster, built from the modules in `go/`, each under the hash of its sources and flags."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from localcluster.paths import SOURCE
from localcluster.programs import toolchain
from localcluster.report import Report
from localcluster.shell import CommandFailed, run
from localcluster.trouble import Trouble

KUBERNETES = "1.36.3"
SCRATCH = ".making-"


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Go module of ours. `names` are the programs it gives; `links` are more names of the first."""

    folder: str
    target: str
    names: tuple[str, ...]
    ldflags: str = "-s -w"
    tags: str = ""
    links: tuple[str, ...] = ()
    takes: str = "a minute"
    inputs: tuple[str, ...] = field(default=("*.go", "go.mod", "go.sum"))


def _kubernetes_version() -> str:
    major, minor, _ = KUBERNETES.split(".")
    base = "k8s.io/component-base/version"
    return f"-s -w -X {base}.gitVersion=v{KUBERNETES} -X {base}.gitMajor={major} -X {base}.gitMinor={minor}"


MODULES = (
    Module(
        folder="kubernetes",
        target=".",
        names=("kubernetes",),
        ldflags=_kubernetes_version(),
        links=(
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubelet",
            "local-volumes",
        ),
        takes="four minutes",
    ),
    Module(
        folder="containerd",
        target="tool",
        names=("containerd", "containerd-shim-runc-v2", "ctr"),
        tags="no_btrfs,no_devmapper,no_zfs",
    ),
    Module(folder="coredns", target="tool", names=("coredns",), takes="a minute and a half"),
)


def content_key(module: Module, source: Path, compiler: str) -> str:
    """Hash of everything that decides what comes out: sources, sums, flags, compiler."""
    digest = hashlib.sha256(repr((module, compiler)).encode())
    for pattern in module.inputs:
        for path in sorted(source.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def only_one(place: Path) -> Iterator[None]:
    """Hold the lock file `place`: two runs at once build once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_all(cache: Path, report: Report) -> Path:
    """The directory with every program of a cluster, built now where the cache lacks it."""
    with only_one(cache / "go.lock"):
        _sweep(cache / "go", cache / "bin")
        go = toolchain.go(cache, report)
        compiler = run([go, "version"], env=_environment(cache)).strip()
        built = [(module, _built(module, go, compiler, cache, report)) for module in MODULES]
        together = hashlib.sha256(" ".join(place.name for _, place in built).encode()).hexdigest()[:16]
        gathered = cache / "bin" / together
        if not gathered.is_dir():
            _gather(built, gathered)
    return gathered


def _sweep(*places: Path) -> None:
    """Remove what an interrupted run left half-made; the lock is held, so nobody is making it."""
    for place in places:
        for scratch in place.glob(f"{SCRATCH}*"):
            shutil.rmtree(scratch)


def _built(module: Module, go: Path, compiler: str, cache: Path, report: Report) -> Path:
    source = SOURCE / "go" / module.folder
    place = cache / "go" / f"{module.folder}-{content_key(module, source, compiler)}"
    if place.is_dir():
        return place
    with report.step(f"building {module.folder} (about {module.takes} the first time)"):
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=place.parent))
        try:
            _compile(module, go, source, scratch, cache)
            scratch.rename(place)
        except CommandFailed as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise Trouble(
                f"{module.folder} did not build: {error}",
                "see that the Go module proxy is reached, then run this again",
            ) from None
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
    return place


def _compile(module: Module, go: Path, source: Path, into: Path, cache: Path) -> None:
    scratch_module = into / ".module"
    shutil.copytree(source, scratch_module)
    out = into / module.names[0] if module.target == "." else f"{into}/"
    tags = ["-tags", module.tags] if module.tags else []
    command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", module.ldflags, *tags, "-o", out, module.target]
    run(["nice", *command], timeout=3600, cwd=scratch_module, env=_environment(cache))
    shutil.rmtree(scratch_module)


def _environment(cache: Path) -> dict[str, str]:
    """GOTOOLCHAIN=local: never fetch another compiler behind our back."""
    defaults = {"HOME": str(cache), "GOFLAGS": ""}
    return {**defaults, **os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}


def _gather(built: list[tuple[Module, Path]], gathered: Path) -> None:
    """One directory for a node's PATH: hard links, and more names for the multi-call program."""
    gathered.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=gathered.parent))
    for module, place in built:
        for name in module.names:
            os.link(place / name, scratch / name)
        for name in module.links:
            (scratch / name).symlink_to(module.names[0])
    scratch.chmod(0o755)
    scratch.rename(gathered)
