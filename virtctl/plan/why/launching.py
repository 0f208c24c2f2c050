"""From a VMI to a running launcher: the pod is refused, its images or volumes cannot be had, its domain is refused."""

from __future__ import annotations

from typing import Final

from virt_model.conditions import Type, Wire
from virt_model.phases import Phase
from virt_model.seen import PULL_FAILURES
from virtctl.plan.why.case import Case, Cause, Link, Told, lasted, message_of, said_by

SYNC_FAILED: Final = "Synchronizing with the Domain failed."
_NOT_CREATED: Final = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
#: seconds for which nobody is blamed
PATIENCE: Final = 20.0


def over_quota(case: Case) -> Cause | None:
    found = case.is_false(Type.SYNCHRONIZED, "FailedCreate")
    if found is None or "exceeded quota" not in message_of(found):
        return None
    return _refused(
        case,
        found,
        "waits for room in the quota of its namespace",
        f"see what is used: {case.command} describe quota",
        "delete what is not needed, ask for less, or have the quota raised; it starts by itself",
    )


def pod_refused(case: Case) -> Cause | None:
    found = case.is_false(Type.SYNCHRONIZED, "FailedCreate")
    if found is None:
        return None
    if "PodSecurity" in message_of(found):
        do = f"let the namespace admit it: kubectl label namespace {case.namespace} pod-security.kubernetes.io/enforce-"
    else:
        do = "mend what the message names; it is tried again by itself"
    return _refused(case, found, "waits for its pod to be admitted, which the cluster refuses", do)


def _refused(case: Case, found: Wire, waits: str, *do: str) -> Cause:
    return Cause(at=Link.POD, waits=waits, says=message_of(found), said_by=said_by(found, "VMI"), do=do)


def image(case: Case) -> Cause | None:
    """A container disk, or the launcher's own image, that no registry gives."""
    pulled = case.is_false(Type.SYNCHRONIZED, *PULL_FAILURES)
    if pulled is None:
        return None
    why = case.told("Pod", "Failed")
    says = why.message if why is not None and "pull" in why.message else message_of(pulled)
    return Cause(
        at=Link.POD,
        waits="waits for an image that cannot be pulled",
        says=says,
        said_by=f"{said_by(pulled, 'VMI')}" if why is None else "kubelet, event about the pod",
        details=_images(case),
        do=(
            f"mend the image in {case.spec_path}.volumes: {case.command} edit {case.object}",
            "or, where the registry asks for a password: containerDisk.imagePullSecret",
        ),
    )


def _images(case: Case) -> tuple[str, ...]:
    spec = case.vmi.spec if case.vmi is not None else {}
    disks = [(volume["name"], volume.get("containerDisk") or {}) for volume in spec.get("volumes") or ()]
    return tuple(f"volume {name}: {disk['image']}" for name, disk in disks if disk.get("image"))


def not_mounted(case: Case) -> Cause | None:
    """A Secret that is not there, a volume that its node cannot attach, a container that cannot be made."""
    if case.pod is None or not case.pod.node or case.pod.compute_running or case.pod.finished:
        return None
    for container in case.pod.containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _NOT_CREATED:
            return Cause(
                at=Link.POD,
                waits=f"waits for the container {container.get('name')}, which cannot be made",
                says=str(waiting.get("message") or waiting["reason"]),
                said_by=f"kubelet, {waiting['reason']}",
                do=(f"see the pod's events: {case.command} describe pod {case.pod.name}",),
            )
    told = case.told("Pod", "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox")
    return _mount(case, told) if told is not None else None


def _mount(case: Case, told: Told) -> Cause:
    assert case.pod is not None
    sandbox = told.reason == "FailedCreatePodSandBox"
    absent = "not found" in told.message
    waits = "waits for its pod's network" if sandbox else "waits for a volume that its node cannot mount"
    do = f"make what is missing; it starts by itself: {case.command} get secrets,configmaps,pvc"
    return Cause(
        at=Link.POD,
        waits=waits,
        says=told.message,
        said_by=f"kubelet, event {told.reason} about the pod",
        do=(do if absent else f"see the pod's events: {case.command} describe pod {case.pod.name}",),
    )


def domain_refused(case: Case) -> Cause | None:
    """The launcher looked at the disks, the firmware, the devices, and cannot make this guest."""
    found = case.is_false(Type.SYNCHRONIZED, SYNC_FAILED)
    if found is None or case.vmi is None or case.vmi.phase is Phase.RUNNING:
        return None
    disk = any(word in message_of(found) for word in ("disk", "image", "qcow2"))
    again = "delete the VMI, the VM makes a new one" if case.vm is not None else "make the VMI anew"
    return Cause(
        at=Link.DOMAIN,
        waits="waits for a disk image that can be used" if disk else "waits for a domain that can be made",
        says=message_of(found),
        said_by=said_by(found, "VMI"),
        details=_images(case) if disk else (),
        do=(f"mend that, then {again}: {case.command} delete vmi {case.name}",),
    )


def on_its_way(case: Case) -> Cause | None:
    """Nobody complains: somebody is at work, or silent."""
    vmi, pod = case.vmi, case.pod
    if vmi is None or vmi.phase not in (Phase.UNSET, Phase.PENDING, Phase.SCHEDULING, Phase.SCHEDULED):
        return None
    since = vmi.entered_at(vmi.phase) or vmi.created_at or case.now
    long_ = case.now - since > PATIENCE
    for_ = f"for {lasted(case.now - since)}"
    if pod is None:
        return (
            _silent(case, Link.VMI, "its launcher pod to be made", for_, "virt-controller")
            if long_
            else _busy(Link.VMI, "its launcher pod to be made")
        )
    if not pod.node:
        return Cause(
            at=Link.POD,
            waits=f"waits for the scheduler, {for_}",
            do=("see the scheduler: kubectl -n kube-system get pods",) if long_ else (_LATER,),
        )
    if not pod.compute_running:
        do = f"see the pod's events: {case.command} describe pod {pod.name}"
        waits = f"waits for its pod to start on {pod.node}"
        return Cause(at=Link.POD, waits=f"{waits}, {for_}", do=(do if long_ else _LATER,))
    if long_:
        return _silent(case, Link.DOMAIN, "its guest to be started", for_, "virt-handler")
    return _busy(Link.DOMAIN, "its guest to be started")


_LATER: Final = "nothing yet: this takes seconds"


def _busy(at: Link, what: str) -> Cause:
    return Cause(at=at, waits=f"waits for {what}", do=(_LATER,))


def _silent(case: Case, at: Link, what: str, for_: str, component: str) -> Cause:
    node = case.pod.node if case.pod is not None else ""
    where = f" --field-selector spec.nodeName={node}" if component == "virt-handler" and node else ""
    return Cause(
        at=at,
        waits=f"waits for {what}, {for_}: {component} is silent",
        do=(
            f"see whether it runs: kubectl -n kubevirt get pods -l kubevirt.io={component}{where}",
            f"and what it says: kubectl -n kubevirt logs -l kubevirt.io={component} --prefix | grep {case.name}",
        ),
    )
