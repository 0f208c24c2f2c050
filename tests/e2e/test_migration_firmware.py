"""A guest with UEFI firmware moves, and what the firmware keeps in its NVRAM goes along. It has no disk: the firmware
is all that runs, and waits for a key."""

from __future__ import annotations

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import diskless, vm

GUEST = "uefi"
WAITS = "Press any key to enter the Boot Manager Menu"
FIRMWARE_SECONDS = 120
VARIABLES = f"/var/run/kubevirt-private/libvirt/qemu/nvram/{GUEST}_VARS.fd"
TEMPLATE = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def firmware_guest(namespace: str) -> Object:
    """Without a network card either, since the firmware would try for minutes to boot from it."""
    machine = diskless(vm(GUEST, namespace, grace=0))
    spec = machine["spec"]["template"]["spec"]
    spec["domain"]["firmware"] = {"bootloader": {"efi": {"secureBoot": False}}}
    spec["domain"]["devices"] |= {"interfaces": [], "autoattachPodInterface": False}
    spec["networks"] = []
    return machine


def sums(cluster: Cluster, namespace: str, vmi: Object) -> tuple[str, str]:
    """MD5 of the variables where the guest runs, and of what a new guest gets."""
    pod = next(uid for uid, node in vmi["status"]["activePods"].items() if node == vmi["status"]["nodeName"])
    name = next(each["metadata"]["name"] for each in cluster.list("pods", namespace) if each["metadata"]["uid"] == pod)
    said = cluster.kubectl("-n", namespace, "exec", name, "-c", "compute", "--", "md5sum", VARIABLES, TEMPLATE)
    variables, template = (line.split()[0] for line in said.splitlines())
    return variables, template


def test_what_the_firmware_keeps_goes_along(cluster: Cluster, namespace: str) -> None:
    cluster.create(firmware_guest(namespace))
    before = vms.running(cluster, namespace, GUEST)
    with Console(cluster, namespace, GUEST) as console:
        console.expect(WAITS, FIRMWARE_SECONDS)
    kept, template = sums(cluster, namespace, before)
    assert kept != template, "the firmware has written nothing"

    moved = cluster.virtctl("migrate", GUEST, "-n", namespace, "--wait")
    assert moved.code == 0, (moved.out, moved.err)
    after = cluster.get("vmi", GUEST, namespace)
    assert after is not None and after["status"]["nodeName"] != before["status"]["nodeName"]
    assert sums(cluster, namespace, after) == (kept, template)

    with Console(cluster, namespace, GUEST) as console:
        reset = cluster.virtctl("reset", GUEST, "-n", namespace)
        assert reset.code == 0, reset.err
        console.expect(WAITS, FIRMWARE_SECONDS)
