"""A rule is a row: who looks for offences, what is said of each, and where it points.

`find` yields one mapping per offence; its entries fill the braces of `field` and `message`. `{at}` (`spec`, or
`spec.template.spec` inside a VM) and `{of}` (`metadata`, alike) are always there. So a table of rules reads as the list
of sentences a user can get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from virt_api.plan.causes import INVALID, Cause
from virt_api.plan.reading import Raw
from virt_api.plan.users import User
from virt_model.config import ClusterConfig

Offence = Mapping[str, object]
Offences = Iterator[Offence]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at: a VMI's spec and metadata, where they stand in the object, who asks, and the cluster.

    `prefix` is empty for a VMI, and `spec.template.` for the template of a VM or a replica set.
    """

    spec: Raw
    metadata: Raw
    prefix: str = ""
    user: User
    config: ClusterConfig

    @property
    def places(self) -> dict[str, str]:
        """What `{at}` and `{of}` stand for in the texts of a rule."""
        return {"at": f"{self.prefix}spec", "of": f"{self.prefix}metadata"}


class Rule(msgspec.Struct, frozen=True):
    """One row of a table of rules."""

    find: Callable[[Subject], Iterable[Offence]]
    field: str
    message: str
    reason: str = INVALID


def causes_of(rules: Iterable[Rule], subject: Subject) -> Iterator[Cause]:
    """The causes found by the rules, in the order of the table."""
    for rule in rules:
        for offence in rule.find(subject):
            filling = {**subject.places, **offence}
            yield Cause(
                reason=rule.reason,
                message=rule.message.format_map(filling),
                field=rule.field.format_map(filling),
            )


def once(*, when: bool) -> Offences:
    """The single offence of a rule that has nothing to tell but yes or no."""
    if when:
        yield {}
