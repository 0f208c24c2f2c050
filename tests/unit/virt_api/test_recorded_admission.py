"""Every recorded request of our kinds, answered by us and by the original: status, message and causes are the same.

Where they are not, `DIFFERENT` says why. The API server's own refusals (a bad name, a CRD's schema, a name that is
taken) are not ours to give.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest

from tests.unit.virt_api.recorded import requests
from tests.unit.virt_api.worlds import WEBHOOKS, admit, world
from virt_api.plan.rules.migration import MigrationNews

_CLAIMS = "persistent volume claims are not supported yet"
_NETWORKS = "secondary networks are not supported yet"
_TYPES = "instance types are not supported yet"

DIFFERENT = {
    "vmi: pvc without claimName": _CLAIMS,
    "vmi: unknown binding plugin": "network binding plugins are not supported yet",
    "vmi: sriov on pod network": "SR-IOV is not supported yet",
    "vmi: gpu without permitted": "GPUs are not supported yet",
    "vm: missing instancetype": _TYPES,
    "vm: instancetype bad kind": _TYPES,
    "vm: instancetype conflicts with resources": _TYPES,
    "vm: instancetype conflicts with cpu": _TYPES,
    "vm: missing preference": "preferences are not supported yet",
    "vmim: valid first": "live migration is not supported yet",
}
BY_THE_API_SERVER = {
    "vmi: bad name": "metadata.name",
    "vmi duplicate create": "the name is taken",
    "vmirs: no selector": "the CRD's schema",
}


def _mine(record: dict[str, Any]) -> bool:
    return (
        _plural(record) in WEBHOOKS
        and not record["case"].startswith("subresource")
        and record["case"] not in BY_THE_API_SERVER
    )


def _plural(record: dict[str, Any]) -> str:
    path = record["path"].split("?")[0].split("/")
    return path[6] if len(path) > 6 else ""


MINE = [record for record in requests() if _mine(record)]
pytestmark = pytest.mark.skipif(not MINE, reason="the recording is not at hand")


def _created(case: str) -> dict[str, Any]:
    found: dict[str, Any] = next(record for record in requests() if record["case"] == case)["response"]
    return found


def _before(record: dict[str, Any]) -> dict[str, Any] | None:
    """The object that an update meets."""
    if record["method"] == "POST":
        return None
    if _plural(record) == "virtualmachineinstances":
        return _created("vmi valid (for updates)")
    return _created("vm: volume without disk")


def _after(record: dict[str, Any], before: dict[str, Any] | None) -> Any:
    change = record["manifest"]
    if before is None:
        return {**change, "metadata": {"namespace": "rec-admission", **change.get("metadata", {})}}
    if record["content_type"].endswith("json-patch+json"):
        return jsonpatch.apply_patch(before, change)
    return _merged(before, change)


def _merged(before: Any, change: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    return {**before, **{key: _merged(before.get(key), value) for key, value in change.items()}}


def _answered(record: dict[str, Any]) -> tuple[int, Any]:
    before = _before(record)
    return admit(_plural(record), _after(record, before), before, around=world(news=_news(record)))


def _news(record: dict[str, Any]) -> MigrationNews:
    name = record["manifest"].get("spec", {}).get("vmiName") if isinstance(record["manifest"], dict) else None
    if name != "upd":
        return MigrationNews(vmi=None, others=())
    running = {**_created("vmi valid (for updates)"), "status": {"phase": "Running"}}
    others = (_created("vmim: valid first"),) if record["case"] == "vmim: name label reserved" else ()
    return MigrationNews(vmi=running, others=others)


def _causes(status: Any) -> Any:
    return (status.get("details") or {}).get("causes")


@pytest.mark.parametrize("record", MINE, ids=[record["case"] for record in MINE])
def test_the_answer_is_the_recorded_one(record: dict[str, Any]) -> None:
    code, said = _answered(record)
    wanted = record["response"]
    if record["case"] in DIFFERENT:
        assert code == 422
        assert all("not supported yet" in cause["message"] for cause in _causes(said))
        return
    assert code == record["http_status"], said
    if code >= 400:
        assert said["message"] == wanted["message"]
        assert said.get("reason") == wanted.get("reason")
        assert _causes(said) == _causes(wanted)


ACCEPTED = [
    record
    for record in MINE
    if record["http_status"] == 201 and record["case"] not in DIFFERENT and record["method"] == "POST"
]


@pytest.mark.parametrize("record", ACCEPTED, ids=[record["case"] for record in ACCEPTED])
def test_what_is_stored_is_what_was_recorded(record: dict[str, Any]) -> None:
    """All but what the API server adds and what is random."""
    _, stored = _answered(record)
    assert _comparable(stored) == _comparable(record["response"])


def _comparable(raw: Any) -> Any:
    if isinstance(raw, dict):
        hidden = {"uuid", "serial", "uid", "creationTimestamp", "generation", "resourceVersion", "bogusField"}
        return {
            key: "T" if key == "phaseTransitionTimestamp" else _comparable(value)
            for key, value in raw.items()
            if key not in hidden
        }
    return [_comparable(item) for item in raw] if isinstance(raw, list) else raw


def test_the_exceptions_are_all_in_the_recording() -> None:
    cases = {record["case"] for record in requests()}
    assert cases >= DIFFERENT.keys() | BY_THE_API_SERVER.keys()
