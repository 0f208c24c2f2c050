"""A replica set of VMIs: its template is judged as a VMI spec, and its selector must choose what it makes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from api.label_selector import InvalidSelector, selects
from api.meta import LabelSelector
from virt_api.plan.causes import INVALID, Cause
from virt_api.plan.reading import Raw, find, table
from virt_api.plan.rule import Subject, causes_of
from virt_api.plan.rules.order import SPEC
from virt_api.plan.unsupported import unsupported_vmi
from virt_model.config import ClusterConfig

_TEMPLATE = "spec.template.spec"


def replicaset_causes(replicaset: Raw, config: ClusterConfig) -> list[Cause]:
    """Everything that is wrong with a replica set."""
    subject = Subject(spec=table(replicaset, "spec", "template", "spec"), at=_TEMPLATE, config=config)
    causes = [*causes_of(SPEC, subject), *_selector(replicaset)]
    return causes or [*unsupported_vmi(table(replicaset, "spec", "template"), "spec.template.")]


def _selector(replicaset: Raw) -> Iterator[Cause]:
    labels = table(replicaset, "spec", "template", "metadata", "labels")
    named = {key: value for key, value in labels.items() if isinstance(value, str)}
    try:
        selector = msgspec.convert(find(replicaset, "spec", "selector"), LabelSelector | None)
        fits = selects(selector, named)
    except (msgspec.ValidationError, InvalidSelector) as error:
        yield Cause(reason=INVALID, message=str(error), field="spec.selector")
        return
    if not fits:
        yield Cause(reason=INVALID, message="selector does not match labels.", field="spec.selector")
