"""Command lines of the components of a node, in the order in which they are started."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from localcluster.render.places import BIN, CONTAINERD, ETC, LOGS, PKI, VOLUMES
from localcluster.render.spec import Node, Spec


@dataclass(frozen=True, kw_only=True)
class Component:
    """A program of a node. `after` names what must answer before it starts: `api`, `containerd`."""

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        return asdict(self)


def of_node(spec: Spec, node: Node) -> list[Component]:
    control = _control_plane(spec) if node.controls else []
    return [*control, *_worker(node)]


def _flags(program: str, **flags: str) -> tuple[str, ...]:
    return (f"{BIN}/{program}", *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items()))


def _etcd() -> Component:
    """No fsync: what a power cut of the whole machine loses can be made again by `down` and `up`."""
    return Component(
        name="etcd",
        argv=_flags(
            "etcd",
            name="node1",
            data_dir="/var/lib/etcd",
            listen_client_urls="http://127.0.0.1:2379",
            advertise_client_urls="http://127.0.0.1:2379",
            listen_peer_urls="http://127.0.0.1:2380",
            initial_advertise_peer_urls="http://127.0.0.1:2380",
            initial_cluster="node1=http://127.0.0.1:2380",
            unsafe_no_fsync="true",
            auto_compaction_retention="1",
            snapshot_count="10000",
            log_level="warn",
        ),
    )


def _api_server(spec: Spec) -> Component:
    """Aggregation as a real cluster has it; every request in the audit log, without bodies (Metadata)."""
    return Component(
        name="kube-apiserver",
        argv=_flags(
            "kube-apiserver",
            advertise_address=str(spec.nodes[0].address),
            bind_address="0.0.0.0",
            secure_port="6443",
            etcd_servers="http://127.0.0.1:2379",
            service_cluster_ip_range=spec.services,
            tls_cert_file=f"{PKI}/apiserver.crt",
            tls_private_key_file=f"{PKI}/apiserver.key",
            client_ca_file=f"{PKI}/ca.crt",
            kubelet_client_certificate=f"{PKI}/apiserver-kubelet-client.crt",
            kubelet_client_key=f"{PKI}/apiserver-kubelet-client.key",
            kubelet_certificate_authority=f"{PKI}/ca.crt",
            kubelet_preferred_address_types="InternalIP",
            service_account_issuer="https://kubernetes.default.svc.cluster.local",
            service_account_key_file=f"{PKI}/service-accounts.pub",
            service_account_signing_key_file=f"{PKI}/service-accounts.key",
            requestheader_client_ca_file=f"{PKI}/front-proxy-ca.crt",
            requestheader_allowed_names="front-proxy-client",
            requestheader_extra_headers_prefix="X-Remote-Extra-",
            requestheader_group_headers="X-Remote-Group",
            requestheader_username_headers="X-Remote-User",
            proxy_client_cert_file=f"{PKI}/front-proxy-client.crt",
            proxy_client_key_file=f"{PKI}/front-proxy-client.key",
            authorization_mode="Node,RBAC",
            enable_admission_plugins="NodeRestriction",
            allow_privileged="true",
            audit_policy_file=f"{ETC}/audit-policy.json",
            audit_log_path=f"{LOGS}/audit.log",
            audit_log_maxsize="200",
            audit_log_maxbackup="3",
            profiling="false",
        ),
    )


def _controller_manager(spec: Spec) -> Component:
    config = f"{ETC}/kube-controller-manager.kubeconfig"
    return Component(
        name="kube-controller-manager",
        after=("api",),
        argv=_flags(
            "kube-controller-manager",
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            cluster_cidr=spec.pods,
            service_cluster_ip_range=spec.services,
            allocate_node_cidrs="false",
            leader_elect="false",
            use_service_account_credentials="true",
            root_ca_file=f"{PKI}/ca.crt",
            service_account_private_key_file=f"{PKI}/service-accounts.key",
            cluster_signing_cert_file=f"{PKI}/ca.crt",
            cluster_signing_key_file=f"{PKI}/ca.key",
            flex_volume_plugin_dir="/var/lib/kubelet/volume-plugins",
            kube_api_qps="100",
            kube_api_burst="200",
            profiling="false",
        ),
    )


def _scheduler() -> Component:
    config = f"{ETC}/kube-scheduler.kubeconfig"
    return Component(
        name="kube-scheduler",
        after=("api",),
        argv=_flags(
            "kube-scheduler",
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            leader_elect="false",
            kube_api_qps="100",
            kube_api_burst="200",
            profiling="false",
        ),
    )


def _control_plane(spec: Spec) -> list[Component]:
    volumes = _flags("local-volumes", kubeconfig=f"{ETC}/local-volumes.kubeconfig", pool=VOLUMES)
    return [
        _etcd(),
        _api_server(spec),
        _controller_manager(spec),
        _scheduler(),
        Component(name="coredns", after=("api",), argv=(f"{BIN}/coredns", "-conf", f"{ETC}/Corefile")),
        Component(name="local-volumes", after=("api",), argv=volumes),
    ]


def _worker(node: Node) -> list[Component]:
    kubelet = _flags(
        "kubelet",
        config=f"{ETC}/kubelet.json",
        kubeconfig=f"{ETC}/kubelet-{node.name}.kubeconfig",
        hostname_override=node.name,
        node_ip=",".join(str(address) for address in node.addresses),
    )
    return [
        Component(
            name="containerd", argv=(f"{BIN}/containerd", "--config", f"{ETC}/containerd.toml", "--address", CONTAINERD)
        ),
        Component(name="kubelet", after=("api", "containerd"), argv=kubelet),
        Component(name="kube-proxy", after=("api",), argv=_flags("kube-proxy", config=f"{ETC}/kube-proxy.json")),
    ]
