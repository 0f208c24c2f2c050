"""A VM with its instance type and preference written out.

Without either, a VM is its own expansion. The object that one names does not exist while instance types are not
served, so that naming one ends here, in the words of an object that is not found.
"""

from __future__ import annotations

import msgspec

from api.schema_check import check
from virt_api.plan.reading import Raw, table, text
from virt_api.plan.status import CallFailed, Failure, bad_request

GROUP = "instancetype.kubevirt.io"
_MATCHERS = {
    "instancetype": ("VirtualMachineClusterInstancetype", "virtualmachine{}instancetypes", "InstancetypeMatcher"),
    "preference": ("VirtualMachineClusterPreference", "virtualmachine{}preferences", "PreferenceMatcher"),
}
"""By field of a VM's spec: the kind meant where none is said, the resources, and the name of the field's type."""


def expanded(vm: Raw) -> Raw:
    """Raises CallFailed."""
    for field in _MATCHERS:
        if missing := _missing(vm, field):
            raise CallFailed(Failure(code=404, reason="NotFound", message=missing))
    return vm


def expanded_manifest(body: bytes, namespace: str) -> Raw:
    """The same of a manifest that is not stored. Raises CallFailed."""
    if not body.strip():
        raise CallFailed(bad_request("empty request body"))
    try:
        vm = msgspec.json.decode(body, type=dict)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CallFailed(bad_request(f"Can not unmarshal Request body to struct, error: {error}")) from error
    if causes := check("VirtualMachine", vm):
        details = {"causes": [{"message": cause} for cause in causes]}
        message = "Object is not a valid VirtualMachine"
        raise CallFailed(Failure(code=400, reason="BadRequest", message=message, details=details))
    if text(vm, "metadata", "namespace") not in ("", namespace):
        raise CallFailed(bad_request(f"VM namespace must be empty or {namespace}"))
    for field in _MATCHERS:
        if missing := _missing(vm, field):
            raise CallFailed(bad_request(missing))
    return {**vm, "metadata": {**table(vm, "metadata"), "namespace": namespace}}


def _missing(vm: Raw, field: str) -> str:
    """Which object a field of the spec names in vain, "" where it names none."""
    matcher = table(vm, "spec", field)
    if not matcher:
        return ""
    kind, resources, type_ = _MATCHERS[field]
    said = (text(matcher, "kind") or kind).lower()
    for scope in ("", "cluster"):
        plural = resources.format(scope)
        if said in (plural, plural.removesuffix("s")):
            return f'{plural}.{GROUP} "{text(matcher, "name")}" not found'
    return f"got unexpected kind in {type_}: {text(matcher, 'kind')}"
