"""Which nodes do not fit a launcher pod, and what each of them lacks.

The scheduler says how many nodes failed for which reason, not which ones. Its tests are made again here for the nodes
that were read: only the common ones, and only to name nodes. The scheduler's word stays the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from api.quantity import Family, InvalidQuantity, format_quantity, parse_quantity
from virt_model import conditions, devices, labels
from virt_model.seen import Pod, Seen

Json = dict[str, Any]
Amounts = dict[str, Fraction]
_KEEPS_AWAY: Final = ("NoSchedule", "NoExecute")
_OPERATORS: Final = {
    "In": lambda value, given: value is not None and value in given,
    "NotIn": lambda value, given: value is None or value not in given,
    "Exists": lambda value, given: value is not None,
    "DoesNotExist": lambda value, given: value is None,
    "Gt": lambda value, given: _number(value) > _number(given[0]),
    "Lt": lambda value, given: value is not None and _number(value) < _number(given[0]),
}


def obstacles(pod: Pod, node: Seen, neighbours: Iterable[Pod] | None) -> tuple[str, ...]:
    """What keeps the pod off the node; empty where nothing is found. `neighbours`: all pods, None if not known."""
    here = None if neighbours is None else [each for each in neighbours if each.node == node.name]
    return (*_state(pod, node), *_labels(pod, node), *_resources(pod, node, here))


def _state(pod: Pod, node: Seen) -> Iterator[str]:
    if conditions.find(node.conditions, "Ready") and not conditions.is_true(node.conditions, "Ready"):
        yield "is not ready"
    if node.spec.get("unschedulable"):
        yield "is cordoned"
    for taint in node.spec.get("taints") or ():
        automatic = str(taint.get("key", "")).startswith("node.kubernetes.io/")
        if taint.get("effect") in _KEEPS_AWAY and not automatic and not _tolerated(pod, taint):
            value = f"={taint['value']}" if taint.get("value") else ""
            yield f"has the taint {taint.get('key')}{value}:{taint['effect']}"


def _tolerated(pod: Pod, taint: Json) -> bool:
    for each in pod.spec.get("tolerations") or ():
        effect = each.get("effect") in (None, "", taint.get("effect"))
        key = each.get("key") in (None, "", taint.get("key"))
        value = each.get("operator") == "Exists" or (each.get("value") or "") == (taint.get("value") or "")
        if effect and key and value:
            return True
    return False


def _labels(pod: Pod, node: Seen) -> Iterator[str]:
    for key, value in (pod.spec.get("nodeSelector") or {}).items():
        if node.labels.get(key) == value:
            continue
        if key == labels.SCHEDULABLE:
            yield "takes no guests: virt-handler does not answer for it"
        elif key in node.labels:
            yield f"has {key}={node.labels[key]}, not {value}"
        else:
            yield f"has no label {key}={value}"
    affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms")
    if terms and not any(_term_holds(term, node) for term in terms):
        yield "does not match the node affinity"


def _term_holds(term: Json, node: Seen) -> bool:
    fields = {"metadata.name": node.name}
    asked = [(node.labels, each) for each in term.get("matchExpressions") or ()]
    asked += [(fields, each) for each in term.get("matchFields") or ()]
    return bool(asked) and all(
        _OPERATORS[each["operator"]](known.get(each["key"]), each.get("values") or [""])
        for known, each in asked
        if each.get("operator") in _OPERATORS
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return float("nan")  # compares false with everything


def _resources(pod: Pod, node: Seen, here: list[Pod] | None) -> Iterator[str]:
    allocatable = {name: _amount(value) for name, value in (node.status.get("allocatable") or {}).items()}
    taken: Amounts = {}
    for each in here or ():
        for name, amount in asked(each).items():
            taken[name] = taken.get(name, Fraction(0)) + amount
    for name, wanted in asked(pod).items():
        whole = allocatable.get(name, Fraction(0))
        if wanted <= whole - taken.get(name, Fraction(0)):
            continue
        if name == devices.KVM and whole == 0:
            yield "has no usable KVM"
        elif wanted > whole or here is not None:
            free = f"{shown(name, max(Fraction(0), whole - taken.get(name, Fraction(0))))} free of "
            yield f"{name}: {shown(name, wanted)} asked, {free if here is not None else ''}{shown(name, whole)}"
    if here is not None and len(here) >= allocatable.get("pods", Fraction(len(here) + 1)):
        yield f"has as many pods as it takes ({len(here)})"


def asked(pod: Pod) -> Amounts:
    """What the scheduler counts for a pod: its containers together, or its largest init container, and overhead."""
    total: Amounts = {}
    for container in pod.spec.get("containers") or ():
        _add(total, _requests(container))
    for container in pod.spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(total, _requests(container))
        else:
            total = {
                name: max(total.get(name, Fraction(0)), _requests(container).get(name, Fraction(0)))
                for name in {**total, **_requests(container)}
            }
    _add(total, {name: _amount(value) for name, value in (pod.spec.get("overhead") or {}).items()})
    return {name: amount for name, amount in total.items() if amount}


def _requests(container: Json) -> Amounts:
    resources = container.get("resources") or {}
    stated = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: _amount(value) for name, value in stated.items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def _amount(value: Any) -> Fraction:
    try:
        return parse_quantity(value)
    except InvalidQuantity:
        return Fraction(0)


_UNITS: Final = ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def shown(resource: str, amount: Fraction) -> str:
    """An amount as people read it: bytes with one decimal in the largest unit, cores as 1.5 or 100m."""
    if resource in ("memory", "ephemeral-storage"):
        for size, unit in _UNITS:
            if amount >= size:
                return f"{float(amount / size):.1f}".removesuffix(".0") + unit
    return format_quantity(amount, Family.DECIMAL_SI)
