"""The law of the lens: after an edit the view is the new view, and strangers are what they were."""

from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.kubevirt import KubeVirt
from api.layout import layout
from api.lens import DecodeError, apply_patch, edit, encode, view
from api.migration import VirtualMachineInstanceMigration
from api.replicaset import VirtualMachineInstanceReplicaSet
from api.view import View
from api.vm import VirtualMachine
from api.vmi import VirtualMachineInstance
from tests.unit.api.strategies import anything, raws, strangers, successors, views

KINDS = [
    VirtualMachine,
    VirtualMachineInstance,
    VirtualMachineInstanceMigration,
    VirtualMachineInstanceReplicaSet,
    KubeVirt,
]
kinds = st.sampled_from(KINDS)
slowly = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def touched(draw: st.DrawFn, value: Any) -> Any:
    """The same structure with some strings and numbers changed: no field appears, none goes, keys stay."""
    if isinstance(value, View):
        changes = {}
        for slot in layout(type(value)):
            item = getattr(value, slot.attribute)
            if slot.attribute not in ("name", "type", "uid", "volume_name"):
                changes[slot.attribute] = touched(draw, item)
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, tuple) and all(isinstance(item, View) for item in value):
        return tuple(touched(draw, item) for item in value)
    if isinstance(value, str) and value:
        return draw(st.sampled_from([value, "changed"]))
    return value


@st.composite
def touches(draw: st.DrawFn, before: View) -> View:
    after: View = touched(draw, before)
    return after


@slowly
@given(st.data(), kinds)
def test_any_edit_gives_the_new_view(data: st.DataObject, kind: type[View]) -> None:
    raw = data.draw(raws(data.draw(views(kind))))
    old = view(raw, kind)
    new = data.draw(successors(old, data.draw(views(kind))))
    untouched = msgspec.json.encode(raw)
    operations = edit(raw, old, new)
    after = apply_patch(raw, operations)
    assert view(after, kind) == new
    assert msgspec.json.encode(raw) == untouched, "the raw object was changed in place"
    assert jsonpatch.apply_patch(raw, operations) == after, "another implementation understands the patch differently"
    top = {key: item for key, item in raw.items() if key.startswith("strange-")}
    assert {key: after[key] for key in top} == top


@slowly
@given(st.data(), kinds)
def test_an_edit_of_values_keeps_every_stranger(data: st.DataObject, kind: type[View]) -> None:
    raw = data.draw(raws(data.draw(views(kind))))
    old = view(raw, kind)
    new = data.draw(touches(old))
    after = apply_patch(raw, edit(raw, old, new))
    assert view(after, kind) == new
    assert strangers(after) == strangers(raw)


@slowly
@given(st.data(), kinds)
def test_nothing_changed_means_no_operation(data: st.DataObject, kind: type[View]) -> None:
    raw = data.draw(raws(data.draw(views(kind))))
    assert edit(raw, view(raw, kind), view(raw, kind)) == []


@slowly
@given(st.data(), kinds)
def test_what_is_encoded_reads_back(data: st.DataObject, kind: type[View]) -> None:
    value = data.draw(views(kind))
    assert view(encode(value), kind) == value
    assert not _holds_null(encode(value))


@slowly
@given(anything, kinds)
def test_reading_anything_gives_a_view_or_a_decode_error(raw: Any, kind: type[View]) -> None:
    for candidate in (raw, {"metadata": raw, "spec": raw, "status": raw}, {"spec": {"domain": raw, "template": raw}}):
        try:
            assert isinstance(view(candidate, kind), kind)
        except DecodeError as error:
            assert str(error)


@slowly
@given(st.data(), kinds)
def test_an_edit_of_another_object_still_fits_it(data: st.DataObject, kind: type[View]) -> None:
    """A raw object that is not the one `old` was read from: no crash, and a patch that can be applied to it."""
    raw = data.draw(raws(data.draw(views(kind))))
    mixed = {
        **raw,
        **{key: data.draw(anything) for key in data.draw(st.sets(st.sampled_from(["spec", "status", "metadata"])))},
    }
    apply_patch(mixed, edit(mixed, data.draw(views(kind)), data.draw(views(kind))))


def test_bottomless_nesting_is_a_decode_error() -> None:
    nested: Any = None
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(DecodeError):
        view({"spec": nested}, VirtualMachine)


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_null(item) for item in value)
    return value is None
