"""Whether what a guest says on its serial console is logged: its own word, and what the pod looks like then."""

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vmi
from tests.e2e.harness.waiting import until


@pytest.mark.parametrize(
    ("devices", "containers"),
    [
        ({}, ["compute", "guest-console-log"]),
        ({"logSerialConsole": False}, ["compute"]),
        ({"autoattachSerialConsole": False}, ["compute"]),
    ],
    ids=["by default", "not wanted", "no console"],
)
def test_a_guest_is_logged_where_it_wants_it(
    cluster: Cluster, namespace: str, devices: dict[str, bool], containers: list[str]
) -> None:
    guest = vmi("said", namespace)
    guest["spec"]["domain"]["devices"] |= devices
    cluster.create(guest)
    pod = vms.launcher(cluster, namespace, vms.running(cluster, namespace, "said"))
    assert [each["name"] for each in pod["spec"]["containers"]] == containers
    look = ("find", "/var/run/kubevirt-private", "-name", "*-log")
    found = cluster.kubectl("-n", namespace, "exec", pod["metadata"]["name"], "-c", "compute", "--", *look)
    written = "virt-serial0-log" in found
    assert written == ("guest-console-log" in containers), "QEMU writes a log where somebody reads it"


def test_a_log_ends_with_its_guest(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("brief", namespace, user_data="#!/bin/sh\necho the last word >/dev/ttyS0\nsleep 1\npoweroff\n"))
    guest = vms.reaches(cluster, namespace, "brief", "Succeeded")
    pod = vms.launcher(cluster, namespace, guest)["metadata"]["name"]

    def ended() -> bool:
        found = cluster.get("pod", pod, namespace)
        return found is not None and found["status"]["phase"] == "Succeeded"

    until("both containers have completed", ended, 60)
    assert "the last word" in cluster.kubectl("-n", namespace, "logs", pod, "-c", "guest-console-log")
