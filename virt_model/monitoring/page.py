"""docs/metrics.md from the tables. `python3 -m virt_model.monitoring.page > docs/metrics.md` writes it."""

from __future__ import annotations

import sys
from typing import Final

from virt_model.monitoring.alerts import ALERTS
from virt_model.monitoring.recording_rules import RULES, Rule
from virt_model.monitoring.row import Row
from virt_model.monitoring.table import ROWS

HEAD: Final = """# Metrics and alerts

Every component serves its metrics on port 8443 (named `metrics`), over TLS, at `/metrics`, in Prometheus' text format.
The Service `kubevirt-prometheus-metrics` has an endpoint for each of their pods, which bear the label
`prometheus.kubevirt.io: "true"`. To look at them by hand:

```sh
kubectl get pods -n kubevirt -l prometheus.kubevirt.io=true
kubectl get --raw /api/v1/namespaces/kubevirt/pods/https:virt-handler-abcde:8443/proxy/metrics
```

Where the Prometheus operator's CRDs are installed, virt-operator creates a PrometheusRule with the rules and alerts
below, and a ServiceMonitor. The latter goes into the namespace of Prometheus: `spec.serviceMonitorNamespace` of the
KubeVirt object; without it, where the service account of Prometheus is found (`spec.monitorAccount`, by default
`prometheus-k8s`): in `spec.monitorNamespace`, or else in `openshift-monitoring` or `monitoring`. Where it is in none of
them, there is no ServiceMonitor.

A launcher serves nothing. virt-handler asks the launchers of its node when it is scraped, all at once; one that does
not answer within two seconds is left out and counted. Metrics about VMs and VMIs come from the leading virt-controller.

This page is made from the tables in `virt_model/monitoring/`; a test holds it equal.
"""


def page() -> str:
    """The whole page, as Markdown."""
    guest = "Those of guests also carry each label of the VMI as `kubernetes_vmi_label_<label>`."
    return "\n".join(
        (
            HEAD,
            "## Metrics\n",
            f"{guest}\n",
            "| metric | type | labels | shown by | exists | meaning |",
            "|---|---|---|---|---|---|",
            *(_row(row) for row in sorted(ROWS, key=lambda row: row.name)),
            "\n## Recording rules\n",
            "| series | type | meaning |",
            "|---|---|---|",
            *(_rule(rule) for rule in RULES),
            "\n## Alerts\n",
            "| alert | severity | after | meaning |",
            "|---|---|---|---|",
            *(f"| {each.name} | {each.severity} | {each.hold or 'at once'} | {each.summary} |" for each in ALERTS),
            "",
        )
    )


def _row(row: Row) -> str:
    labels = ", ".join(row.labels) or "–"
    shown_by = "all" if len(row.components) == 4 else ", ".join(row.components)
    return f"| `{row.name}` | {row.kind} | {labels} | {shown_by} | {row.when} | {row.doc} |"


def _rule(rule: Rule) -> str:
    meaning = f"Deprecated: use `{rule.instead}`." if rule.instead else rule.doc
    return f"| `{rule.name}` | {rule.kind} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(page())
