"""One cluster for the session, one namespace for a test, evidence when it fails.

The cluster is made by ./quickstart itself, so that every run also tests the first command of the README.
PODVIRT_E2E_CLUSTER names a local cluster to use and keep (installed if it is not);
without it the cluster `e2e` is made and taken down.
"""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Generator, Iterator

import pytest

from tests.e2e.harness.cluster import REPO, Cluster
from tests.e2e.harness.evidence import collect


def _module(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=REPO, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A two-node cluster with podvirt installed from this tree."""
    if os.geteuid() != 0:
        pytest.fail("the end-to-end tests make a cluster on this machine and need root: run ./test e2e as root")
    kept = os.environ.get("PODVIRT_E2E_CLUSTER")
    name = kept or "e2e"
    install = [sys.executable, "-m", "localcluster.quickstart", "--name", name, "--no-demo"]
    try:
        subprocess.run(install, cwd=REPO, check=True, timeout=3000)
        kubeconfig = _module("localcluster", "kubeconfig", "--name", name)
        yield Cluster(name, kubeconfig, _module("localcluster", "kubectl-path"))
    finally:
        if not kept:
            subprocess.run(
                [sys.executable, "-m", "localcluster", "down", "--name", name], cwd=REPO, timeout=300, check=False
            )


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace, removed afterwards with all that runs in it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    name = f"{words}-{uuid.uuid4().hex[:5]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("-n", name, "delete", "vmirs,vms,vmis", "--all", "--wait=false")
    cluster.kubectl("delete", "namespace", name, "--wait=false")


class Failures:
    """Prints at once what failed and is tried again, with the evidence: the summary only names it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == "rerun":  # type: ignore[comparison-overlap]
            terminal = self._config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"\nfailed, is tried once more: {report.nodeid}\n{report.longreprtext}")
            for title, text in report.sections:
                terminal.write_line(f"\n{title}:\n{text}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Failures(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Evidence is collected at once: what a teardown prints is not shown of a test that is tried once more."""
    report = yield
    if report.failed and report.when != "teardown" and "namespace" in item.funcargs:
        report.sections.append(("evidence", collect(item.funcargs["cluster"], item.funcargs["namespace"])))
    return report
