"""Rates and the table of `virtctl top`, from texts as virt-handler gives them."""

from __future__ import annotations

from virtctl.plan.usage import scrape, table, usages

LABELS = 'namespace="n",name="a",node="node1"'
BEFORE = f"""# HELP kubevirt_vmi_cpu_usage_seconds_total CPU
kubevirt_vmi_cpu_usage_seconds_total{{{LABELS},kubernetes_vmi_label_x="a}} \\"b"}} 10.0
kubevirt_vmi_network_receive_bytes_total{{{LABELS},interface="one"}} 0
kubevirt_vmi_network_receive_bytes_total{{{LABELS},interface="two"}} 1024
kubevirt_vmi_storage_read_traffic_bytes_total{{{LABELS},drive="a"}} 9e3
kubevirt_info{{version="1"}} 1
"""
AFTER = f"""kubevirt_vmi_cpu_usage_seconds_total{{{LABELS}}} 11.0
kubevirt_vmi_network_receive_bytes_total{{{LABELS},interface="one"}} 2048
kubevirt_vmi_network_receive_bytes_total{{{LABELS},interface="two"}} 3072
kubevirt_vmi_storage_read_traffic_bytes_total{{{LABELS},drive="a"}} 5
kubevirt_vmi_memory_domain_bytes{{{LABELS}}} 134217728
kubevirt_vmi_memory_available_bytes{{{LABELS}}} 100000000
kubevirt_vmi_memory_usable_bytes{{{LABELS}}} 4e7
kubevirt_vmi_cpu_usage_seconds_total{{namespace="m",name="new",node="node2"}} 5
"""


def test_rates_are_differences_over_time() -> None:
    busy, new = usages(scrape(100.0, BEFORE), scrape(102.0, AFTER), None)
    assert (busy.name, busy.node, busy.cpu) == ("a", "node1", 0.5)
    assert busy.received == (2048 + 3072 - 1024) / 2
    assert busy.used == 6e7
    assert busy.read is None, "a counter that went back is another process's"
    assert (new.name, new.cpu, new.memory) == ("new", None, None)


def test_a_namespace_only() -> None:
    assert [each.name for each in usages(scrape(0.0, BEFORE), scrape(1.0, AFTER), "m")] == ["new"]


def test_the_table() -> None:
    lines = table(usages(scrape(100.0, BEFORE), scrape(102.0, AFTER), None), with_namespace=True)
    assert lines[0].split() == [
        "NAMESPACE", "NAME", "NODE", "CPU", "USED", "MEMORY", "RESIDENT", "NET-IN/s", "NET-OUT/s", "READ/s", "WRITE/s",
    ]  # fmt: skip
    assert lines[1].split() == ["n", "a", "node1", "500m", "57Mi", "128Mi", "-", "2Ki", "-", "-", "-"]
    assert lines[2].split() == ["m", "new", "node2", *"--------"]
