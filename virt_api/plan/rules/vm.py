"""What a VM adds to its template: a run strategy, and data volumes that the template uses."""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.causes import INVALID, REQUIRED, Cause
from virt_api.plan.defaults.vmi import filled_spec
from virt_api.plan.reading import Raw, flag, numbered, rows, table, text
from virt_api.plan.rule import Subject, causes_of
from virt_api.plan.rules.order import VM_TEMPLATE
from virt_api.plan.unsupported import VM, unsupported, unsupported_vmi
from virt_api.plan.users import User
from virt_model.config import ClusterConfig
from virt_model.phases import RunStrategy

RUNNING_IS_DEPRECATED = "spec.running is deprecated, please use spec.runStrategy instead."
TEMPLATE_AT = "spec.template."
_STRATEGIES = frozenset(RunStrategy) - {RunStrategy.UNKNOWN}


def vm_causes(vm: Raw, user: User, config: ClusterConfig) -> list[Cause]:
    """Everything that is wrong with a VM; what is not supported yet is told once the rest is right.

    The template is judged as the VMI that it would make, so with the defaults; none of them is stored in the VM.
    """
    template = table(vm, "spec", "template")
    subject = Subject(
        spec=filled_spec(table(template, "spec"), config),
        metadata=table(template, "metadata"),
        prefix=TEMPLATE_AT,
        user=user,
        config=config,
    )
    causes = [*causes_of(VM_TEMPLATE, subject), *_data_volumes(vm), *_strategy(vm)]
    return causes or [*unsupported(table(vm, "spec"), "spec", VM), *unsupported_vmi(template, TEMPLATE_AT)]


def vm_warnings(vm: Raw) -> list[str]:
    """What the author of a valid VM should know."""
    return [RUNNING_IS_DEPRECATED] if flag(vm, "spec", "running") is not None else []


def _strategy(vm: Raw) -> Iterator[Cause]:
    running, strategy = flag(vm, "spec", "running"), text(vm, "spec", "runStrategy")
    if running is not None and strategy:
        message = (
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated,"
            " please use RunStrategy instead"
        )
        yield Cause(reason=INVALID, message=message, field="spec.running")
    elif running is None and not strategy:
        yield Cause(reason=INVALID, message="RunStrategy must be specified", field="spec.running")
    if strategy and strategy not in _STRATEGIES:
        yield Cause(reason=INVALID, message=f"Invalid RunStrategy ({strategy})", field="spec.runStrategy")


def _data_volumes(vm: Raw) -> Iterator[Cause]:
    used = {
        text(volume, source, key)
        for volume in rows(vm, "spec", "template", "spec", "volumes")
        for source, key in (("dataVolume", "name"), ("persistentVolumeClaim", "claimName"))
    }
    for i, template in numbered(vm, "spec", "dataVolumeTemplates"):
        field = f"spec.dataVolumeTemplate[{i}]"
        if text(template, "metadata", "name") not in used:
            message = f"DataVolumeTemplate entry {field} must be referenced in the VMI template's 'volumes' list"
            yield Cause(reason=REQUIRED, message=message, field=field)
