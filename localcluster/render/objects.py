"""Objects that a new cluster is given through its API, each applied on the server side, so safe to repeat."""

from __future__ import annotations

from typing import Any

from localcluster.render.spec import Node, Spec

Object = dict[str, Any]

RESOURCES = {
    "Node": ("api/v1", "nodes"),
    "Service": ("api/v1", "services"),
    "EndpointSlice": ("apis/discovery.k8s.io/v1", "endpointslices"),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses"),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
}


def url_path(thing: Object) -> str:
    """Path of an object in the API."""
    group, plural = RESOURCES[thing["kind"]]
    namespace = thing["metadata"].get("namespace")
    inside = f"namespaces/{namespace}/" if namespace else ""
    return f"/{group}/{inside}{plural}/{thing['metadata']['name']}"


def all_of(spec: Spec) -> list[Object]:
    return [
        *(_node(node) for node in spec.nodes),
        *_may(
            "podvirt:coredns",
            [
                (
                    ["", "discovery.k8s.io"],
                    ["endpoints", "endpointslices", "services", "pods", "namespaces"],
                    ["list", "watch", "get"],
                )
            ],
        ),
        *_may("podvirt:local-volumes", _VOLUME_RULES),
        *_dns(spec),
        _storage_class("local", "one-node", binding="WaitForFirstConsumer", default=True),
        _storage_class("shared", "all-nodes", binding="Immediate", default=False),
    ]


_VOLUME_RULES = [
    ([""], ["persistentvolumes"], ["get", "list", "watch", "create", "delete", "patch", "update"]),
    ([""], ["persistentvolumeclaims"], ["get", "list", "watch", "update", "patch"]),
    ([""], ["nodes", "pods"], ["get", "list", "watch"]),
    ([""], ["events"], ["create", "patch", "update"]),
    (["storage.k8s.io"], ["storageclasses"], ["get", "list", "watch"]),
]


def _node(node: Node) -> Object:
    """Made before its kubelet registers: a kubelet may not give itself these labels."""
    labels = {"node-role.kubernetes.io/worker": ""}
    if node.controls:
        labels["node-role.kubernetes.io/control-plane"] = ""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"podCIDR": str(node.pods), "podCIDRs": [str(pods) for pods in node.pod_ranges]},
    }


def _may(user: str, rules: list[tuple[list[str], list[str], list[str]]]) -> list[Object]:
    """A role and its binding to a user, who is the common name of a client certificate."""
    api = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": user},
            "rules": [
                {"apiGroups": groups, "resources": resources, "verbs": verbs} for groups, resources, verbs in rules
            ],
        },
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": user},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": api, "kind": "User", "name": user}],
        },
    ]


def _dns(spec: Spec) -> list[Object]:
    """CoreDNS runs on the first node beside the API, so its endpoint is written by hand."""
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {
                "clusterIP": str(spec.network.dns_service),
                "ports": [
                    {"name": name, "protocol": protocol, "port": 53, "targetPort": 53} for name, protocol in ports
                ],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": {
                    "kubernetes.io/service-name": "kube-dns",
                    "endpointslice.kubernetes.io/managed-by": "podvirt",
                },
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [str(spec.nodes[0].address)], "conditions": {"ready": True}}],
            "ports": [{"name": name, "protocol": protocol, "port": 53} for name, protocol in ports],
        },
    ]


def _storage_class(name: str, reach: str, *, binding: str, default: bool) -> Object:
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": notes},
        "provisioner": "podvirt.dev/local-volumes",
        "parameters": {"reach": reach},
        "reclaimPolicy": "Delete",
        "volumeBindingMode": binding,
    }
