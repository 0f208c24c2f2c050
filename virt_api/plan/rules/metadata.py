"""Labels and annotations of a VMI, or of a template of some, that are not for everybody to set."""

from __future__ import annotations

from virt_api.plan.causes import NOT_SUPPORTED
from virt_api.plan.reading import table
from virt_api.plan.rule import Offences, Rule, Subject, once
from virt_api.plan.rules.gated import GATED_ANNOTATIONS
from virt_model import labels, node_lease, runner

AGENTS_ANNOTATIONS = (runner.ANNOTATION, node_lease.GUARDED)
RESERVED_LABELS = (
    labels.CREATED_BY,
    labels.MIGRATION_JOB_UID,
    labels.NODE_NAME,
    labels.MIGRATION_TARGET_NODE_NAME,
    labels.SCHEDULABLE,
    labels.INSTALL_STRATEGY,
)


def _reserved(subject: Subject) -> Offences:
    said = table(subject.metadata, "labels")
    return once(when=not subject.user.ours and any(label in said for label in RESERVED_LABELS))


def _unclear_fencing(subject: Subject) -> Offences:
    said = table(subject.metadata, "annotations").get(node_lease.WANTED)
    if said is not None and said not in ("true", "false"):
        yield {"annotation": node_lease.WANTED, "said": said}


def _not_the_agents(subject: Subject) -> Offences:
    said = table(subject.metadata, "annotations")
    return once(when=not subject.user.ours and any(each in said for each in AGENTS_ANNOTATIONS))


METADATA = (
    Rule(_unclear_fencing, "{of}.annotations[{annotation}]", 'must be "true" or "false", not "{said}"'),
    Rule(
        _not_the_agents,
        "{of}.annotations",
        "podvirt.io/runner and podvirt.io/guarded are virt-handler's: they tell where the guest may run",
        NOT_SUPPORTED,
    ),
    Rule(
        _reserved,
        "{of}.labels",
        "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited",
        NOT_SUPPORTED,
    ),
    *GATED_ANNOTATIONS,
)
