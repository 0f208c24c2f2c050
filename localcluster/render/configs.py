"""Configuration files of a node, by file name. Pure; JSON where the reader takes JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from localcluster.render.kubeconfig import for_component
from localcluster.render.places import (
    CNI_CONFIG,
    CNI_PROGRAMS,
    CONTAINERD,
    ETC,
    LOCAL_API,
    PKI,
)
from localcluster.render.spec import DOMAIN, Node, Spec

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
FAMILY = {4: "ip", 6: "ip6"}
"""Families of nftables by IP version."""

PAUSE_IMAGE = "localhost/podvirt/pause:1"


def files(spec: Spec, node: Node, *, resolvers: Sequence[str], keep_oom_score: bool) -> dict[str, str]:
    """What goes into the node's /run/podvirt/etc. `keep_oom_score`: the machine may not lower OOM scores."""
    api = LOCAL_API if node.controls else spec.api
    clients = [f"kubelet-{node.name}", "kube-proxy"]
    rendered = {
        "resolv.conf": "".join(f"nameserver {resolver}\n" for resolver in resolvers),
        "kubelet.json": _json(_kubelet(spec, node)),
        "kube-proxy.json": _json(_kube_proxy(spec, node)),
        "containerd.toml": containerd(keep_oom_score=keep_oom_score),
        "cni.conflist": _json(_cni(node)),
        "nat.nft": _nat(spec, node),
    }
    if node.controls:
        clients += ["kube-controller-manager", "kube-scheduler", "coredns", "local-volumes"]
        rendered["Corefile"] = corefile(node, resolvers)
        rendered["audit-policy.json"] = _json(_audit_policy())
    rendered |= {f"{client}.kubeconfig": _json(for_component(client, api, PKI)) for client in clients}
    return rendered


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _kubelet(spec: Spec, node: Node) -> dict[str, Any]:
    """Evicts only when nearly nothing is left: the disk and memory are the host's, and shared by all nodes."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI}/kubelet-serving-{node.name}.crt",
        "tlsPrivateKeyFile": f"{PKI}/kubelet-serving-{node.name}.key",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "clusterDNS": [str(spec.network.dns_service)],
        "clusterDomain": DOMAIN,
        "resolvConf": f"{ETC}/resolv.conf",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{spec.cgroup}/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 250,
        "podPidsLimit": -1,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }


def _kube_proxy(spec: Spec, node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{ETC}/kube-proxy.kubeconfig"},
        "mode": "nftables",
        "clusterCIDR": spec.pods,
        "hostnameOverride": node.name,
        "bindAddress": "0.0.0.0",
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "200ms"},
    }


def containerd(*, keep_oom_score: bool) -> str:
    programs = ", ".join(f'"{place}"' for place in CNI_PROGRAMS)
    return f"""version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = {"true" if keep_oom_score else "false"}
device_ownership_from_security_context = true
enable_unprivileged_ports = true
enable_unprivileged_icmp = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{programs}]
conf_dir = "{CNI_CONFIG}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
"""


def _cni(node: Node) -> dict[str, Any]:
    """A routed cable per pod. On a bridge, a Service's answer from a pod of the same node would pass below netfilter
    unless br_netfilter is loaded into the host's kernel. Leases live in /run: after a power cut no address is held
    for a pod that is gone.
    """
    cable = {
        "type": "ptp",
        "mtu": 1450,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(subnet)}] for subnet in node.pod_ranges],
            "routes": [{"dst": EVERYWHERE[subnet.version]} for subnet in node.pod_ranges],
            "dataDir": "/run/cni/networks",
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "podvirt", "plugins": [cable, ports]}


def _nat(spec: Spec, node: Node) -> str:
    """Pods leave the cluster behind their node's address."""
    return "".join(
        f"""table {FAMILY[pods.version]} podvirt_pods {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    {FAMILY[pods.version]} saddr {pods} {FAMILY[pods.version]} daddr != {network.block} masquerade
  }}
}}
"""
        for pods, network in zip(node.pod_ranges, spec.networks, strict=True)
    )


def corefile(node: Node, resolvers: Sequence[str]) -> str:
    """CoreDNS on the node's own address; without a resolver, names outside the cluster do not exist."""
    outside = f"forward . {' '.join(resolvers)}" if resolvers else "template ANY ANY {\n    rcode NXDOMAIN\n  }"
    return f""".:53 {{
  bind {node.address}
  errors
  kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
    kubeconfig {ETC}/coredns.kubeconfig
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 5
  }}
  {outside}
  cache 30
  loadbalance
}}
"""


def _audit_policy() -> dict[str, Any]:
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
