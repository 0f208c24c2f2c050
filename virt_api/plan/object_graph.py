"""Which objects a VM or VMI needs, as a tree: what a backup or another cluster must have beside it.

| object | hangs below | is there when |
|---|---|---|
| VMI, launcher pod | the VM, the VMI | they exist |
| instance type, preference (optional), their revisions | the VM | the VM names them |
| Secrets of access credentials | VM or VMI | a credential names them |
| claim, data volume with its claim, ConfigMap, Secret, Secrets of cloud-init | VM or VMI | a volume names them |
| network attachment definition (optional) | VM or VMI | a network names it |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from api.label_selector import selects
from api.meta import LabelSelector
from virt_api.plan.reading import Raw, find, flag, rows, table, text
from virt_model import names

DEPENDENCY = "kubevirt.io/dependency-type"
KUBEVIRT, INSTANCETYPE, CNI = "kubevirt.io", "instancetype.kubevirt.io", "k8s.cni.cncf.io"
STORAGE, NETWORK, COMPUTE, CONFIG = "storage", "network", "compute", "config"
Node = dict[str, Any]


class Options(msgspec.Struct, frozen=True, rename="camel"):
    """What to leave out; by default nothing."""

    include_optional_nodes: bool | None = None
    label_selector: LabelSelector | None = None


def of_vm(vm: Raw, vmi: Raw | None, options: Options) -> Node:
    """`vmi`: the VM's, if there is one."""
    namespace, name = text(vm, "metadata", "namespace"), text(vm, "metadata", "name")
    children = []
    if vmi is not None and flag(vm, "status", "created"):
        children.append(_node(KUBEVIRT, "VirtualMachineInstance", COMPUTE, namespace, name, [*_pod(vmi)]))
    children += [*_matched(vm, "instancetype"), *_matched(vm, "preference")]
    children += _needs(table(vm, "spec", "template", "spec"), namespace)
    return _node(KUBEVIRT, "VirtualMachine", COMPUTE, namespace, name, _kept(children, options))


def of_vmi(vmi: Raw, options: Options) -> Node:
    namespace, name = text(vmi, "metadata", "namespace"), text(vmi, "metadata", "name")
    children = [*_pod(vmi), *_needs(table(vmi, "spec"), namespace)]
    return _node(KUBEVIRT, "VirtualMachineInstance", COMPUTE, namespace, name, _kept(children, options))


def _node(
    group: str, kind: str, type_: str, namespace: str, name: str, children: list[Node] | None = None, *,
    optional: bool = False,
) -> Node:  # fmt: skip
    reference = {"apiGroup": group, "kind": kind, "name": name, "namespace": namespace}
    node: Node = {"objectReference": reference, "labels": {DEPENDENCY: type_}}
    return node | ({"children": children} if children else {}) | ({"optional": True} if optional else {})


def _pod(vmi: Raw) -> Iterator[Node]:
    if table(vmi, "status", "activePods"):
        name = names.launcher_pod_name(text(vmi, "metadata", "name"), text(vmi, "metadata", "uid"))
        yield _node("", "Pod", COMPUTE, text(vmi, "metadata", "namespace"), name)


_MATCHED = {
    "instancetype": ("VirtualMachineClusterInstancetype", "VirtualMachineInstancetype"),
    "preference": ("VirtualMachineClusterPreference", "VirtualMachinePreference"),
}


def _matched(vm: Raw, field: str) -> Iterator[Node]:
    matcher, reference = table(vm, "spec", field), find(vm, "status", f"{field}Ref")
    if not matcher:
        return
    namespace = text(vm, "metadata", "namespace")
    for kind in _MATCHED[field]:
        if text(matcher, "kind").lower() == kind.lower():
            where = "" if "Cluster" in kind else namespace
            yield _node(INSTANCETYPE, kind, CONFIG, where, text(matcher, "name"), optional=True)
    revision = text(reference, "controllerRevisionRef", "name")
    if revision := revision or ("" if reference else text(matcher, "revisionName")):
        yield _node("apps", "ControllerRevision", CONFIG, namespace, revision)


def _needs(spec: Raw, namespace: str) -> Iterator[Node]:
    for credential in rows(spec, "accessCredentials"):
        for how in ("sshPublicKey", "userPassword"):
            if secret := text(credential, how, "source", "secret", "secretName"):
                yield _node("", "Secret", CONFIG, namespace, secret)
                break
    for volume in rows(spec, "volumes"):
        yield from _of_volume(volume, namespace)
    for network in rows(spec, "networks"):
        if wanted := text(network, "multus", "networkName"):
            where, slash, name = wanted.rpartition("/")
            yield _node(CNI, "NetworkAttachmentDefinition", NETWORK, where if slash else namespace, name, optional=True)


def _of_volume(volume: Raw, namespace: str) -> Iterator[Node]:
    claim = text(volume, "dataVolume", "name") or text(volume, "persistentVolumeClaim", "claimName")
    if claim:
        node = _node("", "PersistentVolumeClaim", STORAGE, namespace, claim)
        filled = "dataVolume" in volume
        yield _node("cdi.kubevirt.io", "DataVolume", STORAGE, namespace, claim, [node]) if filled else node
    if name := text(volume, "configMap", "name"):
        yield _node("", "ConfigMap", CONFIG, namespace, name)
    if name := text(volume, "secret", "secretName"):
        yield _node("", "Secret", CONFIG, namespace, name)
    for source in ("cloudInitNoCloud", "cloudInitConfigDrive"):
        for reference in ("secretRef", "networkDataSecretRef"):
            if name := text(volume, source, reference, "name"):
                yield _node("", "Secret", CONFIG, namespace, name)


def _kept(nodes: list[Node], options: Options) -> list[Node]:
    kept = []
    for node in nodes:
        unwanted = node.get("optional") and options.include_optional_nodes is False
        if unwanted or not selects(options.label_selector or LabelSelector(), node["labels"]):
            continue
        children = _kept(node.get("children") or [], options)
        kept.append({key: value for key, value in node.items() if key != "children"})
        if children:
            kept[-1]["children"] = children
    return kept
