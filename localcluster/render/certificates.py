"""Which certificates a cluster needs: who is named in each, and for which addresses."""

from __future__ import annotations

from dataclasses import dataclass

from localcluster.render.spec import DOMAIN, Node, Spec

CA, FRONT_PROXY_CA = "ca", "front-proxy-ca"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A leaf: `subject` as openssl takes it, `names` as its subjectAltName entries (`DNS:x`, `IP:y`)."""

    name: str
    subject: str
    names: tuple[str, ...] = ()
    signer: str = CA


def _client(name: str, user: str, group: str = "") -> Certificate:
    return Certificate(name=name, subject=f"/O={group}/CN={user}" if group else f"/CN={user}")


def wanted(spec: Spec) -> list[Certificate]:
    """Every leaf of the cluster, the control plane's first."""
    return [
        _api_server(spec),
        _client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Certificate(name="front-proxy-client", subject="/CN=front-proxy-client", signer=FRONT_PROXY_CA),
        _client("admin", "kubernetes-admin", "system:masters"),
        _client("kube-controller-manager", "system:kube-controller-manager"),
        _client("kube-scheduler", "system:kube-scheduler"),
        _client("kube-proxy", "system:kube-proxy"),
        _client("coredns", "podvirt:coredns"),
        _client("local-volumes", "podvirt:local-volumes"),
        *(certificate for node in spec.nodes for certificate in _of_node(node)),
    ]


def _api_server(spec: Spec) -> Certificate:
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")
    addresses = (str(spec.network.api_service), str(spec.nodes[0].address), "127.0.0.1")
    names = tuple(f"DNS:{name}" for name in (*service, "localhost", "node1")) + tuple(
        f"IP:{address}" for address in addresses
    )
    return Certificate(name="apiserver", subject="/CN=kube-apiserver", names=names)


def _of_node(node: Node) -> list[Certificate]:
    return [
        _client(f"kubelet-{node.name}", f"system:node:{node.name}", "system:nodes"),
        Certificate(
            name=f"kubelet-serving-{node.name}",
            subject=f"/O=system:nodes/CN=system:node:{node.name}",
            names=(f"DNS:{node.name}", f"IP:{node.address}", "IP:127.0.0.1"),
        ),
    ]
