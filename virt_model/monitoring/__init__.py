"""Everything that is measured and watched, as data: metrics, recording rules, alerts, and the page that documents them.

| module | what |
|---|---|
| `row` | one metric, one sample |
| `component_rows`, `machine_rows`, `guest_rows` | the metrics of every component, of VMs and VMIs, of running guests |
| `table` | all of them, and those of one component |
| `recording_rules`, `alerts` | what Prometheus derives from them |
| `page` | docs/metrics.md |
"""
