"""What is rendered for a cluster: flags, files, certificates, objects."""

import json
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from localcluster.host.addresses import Network
from localcluster.render import certificates, components, configs, objects, places
from localcluster.render.spec import Spec, check_name, check_size, from_document
from localcluster.trouble import Trouble


@pytest.fixture
def spec() -> Spec:
    return Spec(name="dev", network=Network(block=IPv4Network("10.85.0.0/16")), size=2)


def _files(spec: Spec, index: int, resolvers: list[str] | None = None) -> dict[str, str]:
    return configs.files(spec, spec.nodes[index], resolvers=resolvers or [], keep_oom_score=True)


def test_a_spec_survives_being_written_down(spec: Spec) -> None:
    assert from_document(json.loads(json.dumps(spec.document()))) == spec


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a" * 41, "../x"])
def test_names_that_would_not_do_are_refused(name: str) -> None:
    with pytest.raises(Trouble, match="cannot name a cluster"):
        check_name(name)


def test_good_names_and_sizes_pass() -> None:
    for name in ("a", "dev", "e2e-1", "a" * 40):
        check_name(name)
    check_size(1)
    with pytest.raises(Trouble):
        check_size(0)


def test_an_unknown_node_is_answered_with_the_known_ones(spec: Spec) -> None:
    with pytest.raises(Trouble, match="node1, node2"):
        spec.node("node9")


def test_the_control_plane_is_on_the_first_node_only(spec: Spec) -> None:
    first, second = ([each.name for each in components.of_node(spec, node)] for node in spec.nodes)
    assert first[:2] == ["etcd", "kube-apiserver"] and "kube-scheduler" in first
    assert second == ["containerd", "kubelet", "kube-proxy"]


def test_nothing_that_exits_without_rbac_starts_before_the_api_is_ready(spec: Spec) -> None:
    early = {each.name for each in components.of_node(spec, spec.nodes[0]) if "api" not in each.after}
    assert early == {"etcd", "kube-apiserver", "containerd"}


def test_the_api_server_aggregates_audits_and_allows_privileged_pods(spec: Spec) -> None:
    server = next(each for each in components.of_node(spec, spec.nodes[0]) if each.name == "kube-apiserver")
    flags = dict(word.removeprefix("--").split("=", 1) for word in server.argv[1:])
    assert flags["allow-privileged"] == "true"
    assert flags["requestheader-allowed-names"] == "front-proxy-client"
    assert flags["proxy-client-cert-file"].endswith("front-proxy-client.crt")
    assert flags["audit-log-path"].startswith(places.LOGS)
    assert flags["kubelet-preferred-address-types"] == "InternalIP"


def test_every_certificate_that_a_flag_names_is_made(spec: Spec) -> None:
    made = {certificate.name for certificate in certificates.wanted(spec)}
    made |= {certificates.CA, certificates.FRONT_PROXY_CA, "service-accounts"}
    named: set[str] = set()
    for node in spec.nodes:
        texts = [*_files(spec, node.index - 1).values(), *(" ".join(c.argv) for c in components.of_node(spec, node))]
        for text in texts:
            for part in text.split(f"{places.PKI}/")[1:]:
                named.add(part.split(".")[0])
    assert named and named <= made


def test_every_configuration_that_a_flag_names_is_rendered(spec: Spec) -> None:
    for node in spec.nodes:
        rendered = set(_files(spec, node.index - 1))
        argv = " ".join(word for each in components.of_node(spec, node) for word in each.argv)
        named = {part.split()[0] for part in argv.split(f"{places.ETC}/")[1:]}
        assert named and named <= rendered


def test_the_api_servers_certificate_is_good_for_every_way_to_reach_it(spec: Spec) -> None:
    server = next(each for each in certificates.wanted(spec) if each.name == "apiserver")
    assert {"IP:10.85.64.1", "IP:10.85.0.11", "IP:127.0.0.1", "DNS:kubernetes.default.svc"} <= set(server.names)


def test_kubelets_are_known_by_node_and_group(spec: Spec) -> None:
    subjects = {each.name: each.subject for each in certificates.wanted(spec)}
    assert subjects["kubelet-node2"] == "/O=system:nodes/CN=system:node:node2"


def _kubelet(spec: Spec) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_files(spec, 1)["kubelet.json"])
    return document


def test_the_kubelet_stays_in_its_cgroup_and_takes_v1(spec: Spec) -> None:
    kubelet = _kubelet(spec)
    assert kubelet["cgroupRoot"] == "/podvirt-dev/node2" and kubelet["failCgroupV1"] is False
    assert kubelet["clusterDNS"] == ["10.85.64.10"]
    assert kubelet["authentication"]["anonymous"]["enabled"] is False


def test_oom_scores_are_left_alone_only_where_they_must_be() -> None:
    assert "restrict_oom_score_adj = true" in configs.containerd(keep_oom_score=True)
    assert "restrict_oom_score_adj = false" in configs.containerd(keep_oom_score=False)


def test_pods_get_addresses_of_their_own_node(spec: Spec) -> None:
    lists = [json.loads(_files(spec, index)["cni.conflist"]) for index in (0, 1)]
    subnets = [each["plugins"][0]["ipam"]["ranges"][0][0]["subnet"] for each in lists]
    assert subnets == ["10.85.128.0/24", "10.85.129.0/24"]


def test_dns_forwards_to_the_hosts_resolvers_or_denies_the_outside(spec: Spec) -> None:
    assert "forward . 192.0.2.1 192.0.2.2" in _files(spec, 0, ["192.0.2.1", "192.0.2.2"])["Corefile"]
    alone = _files(spec, 0)["Corefile"]
    assert "NXDOMAIN" in alone and "forward" not in alone
    assert alone.count("{") == alone.count("}")


def test_one_storage_class_is_the_default_and_waits_for_its_pod(spec: Spec) -> None:
    classes = [thing for thing in objects.all_of(spec) if thing["kind"] == "StorageClass"]
    default = [each for each in classes if each["metadata"]["annotations"]]
    assert [each["metadata"]["name"] for each in default] == ["local"]
    assert default[0]["volumeBindingMode"] == "WaitForFirstConsumer"


def test_objects_have_the_paths_of_the_api(spec: Spec) -> None:
    paths = {objects.url_path(thing) for thing in objects.all_of(spec)}
    assert "/api/v1/nodes/node2" in paths
    assert "/api/v1/namespaces/kube-system/services/kube-dns" in paths
    assert "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns" in paths


def test_nodes_carry_the_roles_that_installers_select_by(spec: Spec) -> None:
    nodes = {thing["metadata"]["name"]: thing for thing in objects.all_of(spec) if thing["kind"] == "Node"}
    assert set(nodes["node1"]["metadata"]["labels"]) == {
        "node-role.kubernetes.io/worker",
        "node-role.kubernetes.io/control-plane",
    }
    assert set(nodes["node2"]["metadata"]["labels"]) == {"node-role.kubernetes.io/worker"}
    assert nodes["node2"]["spec"]["podCIDR"] == "10.85.129.0/24"


def test_with_ipv6_every_range_is_given_twice(spec: Spec) -> None:
    both = replace(spec, ipv6=True)
    assert from_document(json.loads(json.dumps(both.document()))) == both
    assert spec.pods == "10.85.128.0/17" and both.pods == "10.85.128.0/17,fd70:6f64:a55:8000::/56"
    flags = {each.name: " ".join(each.argv) for each in components.of_node(both, both.nodes[0])}
    for name in ("kube-apiserver", "kube-controller-manager"):
        assert f"--service-cluster-ip-range={both.services}" in flags[name]
    assert "--node-ip=10.85.0.11,fd70:6f64:a55::b" in flags["kubelet"]
    files = _files(both, 0)
    ipam = json.loads(files["cni.conflist"])["plugins"][0]["ipam"]
    assert len(ipam["ranges"]) == 2 and {"dst": "::/0"} in ipam["routes"]
    assert "table ip6 podvirt_pods" in files["nat.nft"] and "table ip podvirt_pods" in files["nat.nft"]
    node = next(thing for thing in objects.all_of(both) if thing["kind"] == "Node")
    assert node["spec"]["podCIDRs"] == ["10.85.128.0/24", "fd70:6f64:a55:8001::/64"]
