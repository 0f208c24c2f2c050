"""Cases for `why`: objects that were recorded, and small ones made by hand."""

from __future__ import annotations

from typing import Any

from tests.unit.virt_controller import objects
from tests.unit.virt_controller.recorded import events, listed
from virt_model.seen import Pod, Seen, Vm, Vmi
from virtctl.plan.why.case import Case, Link, Told

Json = dict[str, Any]
NOW = objects.NOW
PLAIN = "0/2 nodes are available: "


def recorded(folder: str, tag: str, name: str, link: Link = Link.VM, now: float | None = None) -> Case:
    """A VM or VMI of a recording, at the moment of that tag, with all the events of its scenario until then."""
    vms = {each["metadata"]["name"]: Vm(each) for each in listed(f"{folder}/{tag}.vm.yaml")} if link is Link.VM else {}
    vmis = {each["metadata"]["name"]: Vmi(each) for each in listed(f"{folder}/{tag}.vmi.yaml")}
    vmi = vmis.get(name)
    pods = [Pod(each) for each in listed(f"{folder}/{tag}.pods.yaml")] if vmi is not None else []
    pod = next((each for each in pods if vmi is not None and each.controlled_by(vmi.uid)), None)
    claims = [
        volume.get("persistentVolumeClaim", {}).get("claimName") or volume.get("dataVolume", {}).get("name")
        for volume in (vmi.spec.get("volumes") or () if vmi is not None else ())
    ]
    about = {name, pod.name if pod is not None else name}
    told = [Told(each["object"]) for each in events(folder) if each["object"]["kind"] == "Event"]
    stamps = [each.at for each in told]
    return Case(
        asked_for=link,
        name=name,
        namespace=f"rec-{folder}",
        vm=vms.get(name),
        vmi=vmi,
        pod=pod,
        claims={claim: None for claim in claims if claim},
        events=tuple(each for each in told if each.about[1] in about),
        now=now or max(stamps),
    )


def case(
    vm: Vm | None = None, vmi: Vmi | None = None, pod: Pod | None = None, events: tuple[Told, ...] = (), **more: Any
) -> Case:
    link = Link.VM if vm is not None else Link.VMI
    return Case(asked_for=link, name="a", namespace="n", vm=vm, vmi=vmi, pod=pod, events=events, **{"now": NOW, **more})


def condition(type_: str, status: str, reason: str = "", message: str = "") -> Json:
    return {"conditions": [{"type": type_, "status": status, "reason": reason, "message": message}]}


def told(kind: str, reason: str, message: str, name: str = "a", uid: str = "vmi-uid", warning: bool = True) -> Told:
    return Told(
        {
            "involvedObject": {"kind": kind, "name": name, "uid": uid},
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message,
            "lastTimestamp": "2027-01-15T07:59:00Z",
        }
    )


def node(name: str = "node1", ready: str = "True", allocatable: Json | None = None, **more: Any) -> Seen:
    """A node that takes guests, unless told otherwise."""
    own: Json = {"name": name, "labels": {"kubevirt.io/schedulable": "true", **more.pop("labels", {})}}
    own["annotations"] = {"kubevirt.io/heartbeat": "2027-01-15T07:50:00Z"}
    status = {"conditions": [{"type": "Ready", "status": ready, "message": "Kubelet stopped posting node status."}]}
    amounts = {"memory": "4Gi", "cpu": "2", "pods": "110", "devices.kubevirt.io/kvm": "1k", **(allocatable or {})}
    return Seen({"metadata": own, "spec": more, "status": {**status, "allocatable": amounts}})


def unplaced(message: str, requests: Json | None = None, **spec: Any) -> Pod:
    """A launcher pod that the scheduler cannot place."""
    made = objects.pod(node="", status=condition("PodScheduled", "False", "Unschedulable", PLAIN + message))
    container = {"name": "compute", "resources": {"requests": requests or {}}}
    return Pod({**made.raw, "spec": {"containers": [container], **spec}})
