"""A replica set of VMIs: its template is judged as a VMI spec, and its selector must choose what it makes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from api.label_selector import InvalidSelector, selects
from api.meta import LabelSelector
from virt_api.plan.causes import INVALID, Cause
from virt_api.plan.reading import Raw, find, table
from virt_api.plan.rule import Subject, causes_of
from virt_api.plan.rules.order import TEMPLATE
from virt_api.plan.unsupported import unsupported_vmi
from virt_api.plan.users import User
from virt_model.config import ClusterConfig

_TEMPLATE_AT = "spec.template."


def replicaset_causes(replicaset: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """Everything that is wrong with a replica set."""
    template = table(replicaset, "spec", "template")
    subject = Subject(
        spec=table(template, "spec"),
        metadata=table(template, "metadata"),
        prefix=_TEMPLATE_AT,
        user=user,
        config=config,
    )
    causes = [*causes_of(TEMPLATE, subject), *_selector(replicaset)]
    return causes or [*unsupported_vmi(template, _TEMPLATE_AT)]


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
