"""The tables of what is measured and watched hold together, and the page is made from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from virt_model.config import from_kubevirt
from virt_model.monitoring.alerts import ALERTS
from virt_model.monitoring.label_names import label_pairs
from virt_model.monitoring.page import page
from virt_model.monitoring.recording_rules import RULES
from virt_model.monitoring.row import Kind
from virt_model.monitoring.table import ROWS

_NAME = re.compile(r"(?:[a-z]+:)?kubevirt_[a-z0-9_]+(?::[a-z0-9]+)?")
_FOREIGN = re.compile(r"label_kubevirt_\w+|devices_kubevirt_\w+|virt_launcher")


def named_in(expr: str) -> set[str]:
    return set(_NAME.findall(_FOREIGN.sub("", expr)))


def test_the_page_is_what_the_tables_say() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text()
    assert text == page(), "run: python3 -m virt_model.monitoring.page > docs/metrics.md"


def test_rows_are_well_formed() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", row.name) and row.components and row.doc.endswith(".")
        assert len(set(row.labels)) == len(row.labels)
        assert bool(row.buckets) == (row.kind is Kind.HISTOGRAM) and list(row.buckets) == sorted(row.buckets)
        if row.name.endswith("_total"):
            assert row.kind is Kind.COUNTER, row.name


def test_what_rules_and_alerts_read_exists() -> None:
    known = {row.name for row in ROWS} | {rule.name for rule in RULES}
    for each in (*RULES, *ALERTS):
        assert named_in(each.expr) <= known, each.name
        assert "@namespace@" not in each.in_namespace("there")


def test_a_rule_is_derived_from_what_is_not_itself() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.name not in named_in(rule.expr)
        assert not {row.name for row in ROWS} & {rule.name}, "a series has one source"


def test_alerts_of_one_name_differ_in_severity() -> None:
    assert len({(alert.name, alert.severity) for alert in ALERTS}) == len(ALERTS)


def test_brackets_of_expressions_are_closed() -> None:
    for each in (*RULES, *ALERTS):
        for opening, closing in ("()", "{}", "[]"):
            assert each.expr.count(opening) == each.expr.count(closing), each.name


def test_labels_become_labels_of_metrics() -> None:
    labels = {"app.io/x-y": "1", "app": "web", "app.io/x_y": "2"}
    assert label_pairs(labels, "label_") == (("label_app", "web"), ("label_app_io_x_y", "1"))


@pytest.mark.parametrize(
    ("said", "component", "node", "verbosity"),
    [
        ({}, "virt-api", "", 2),
        ({"virtAPI": 5}, "virt-api", "", 5),
        ({"virtAPI": 5}, "virt-controller", "", 2),
        ({"virtHandler": 0}, "virt-handler", "n1", 0),
        ({"virtHandler": 3, "nodeVerbosity": {"n1": 7}}, "virt-handler", "n1", 7),
        ({"virtHandler": 3, "nodeVerbosity": {"n1": 7}}, "virt-handler", "n2", 3),
        ({"virtOperator": "loud"}, "virt-operator", "", 2),
        ({"virtLauncher": 4}, "virt-launcher", "", 4),
    ],
)
def test_how_much_a_component_says(said: dict[str, object], component: str, node: str, verbosity: int) -> None:
    kubevirt = {"spec": {"configuration": {"developerConfiguration": {"logVerbosity": said}}}}
    assert from_kubevirt(kubevirt).verbosity(component, node) == verbosity


def test_the_flag_v_says_it_where_the_configuration_is_silent() -> None:
    flags = {"api": {"v": "5"}, "handler": {"v": "loud"}}
    said = {"logVerbosity": {"virtController": 3}}
    spec = {"customizeComponents": {"flags": flags}, "configuration": {"developerConfiguration": said}}
    config = from_kubevirt({"spec": spec})
    assert [config.verbosity(f"virt-{each}") for each in ("api", "controller", "handler")] == [5, 3, 2]
