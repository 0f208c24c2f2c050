"""Every recorded request, answered by us and by the original: status, message and causes are the same.

Where they are not, `admission_differences` says why.
"""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest

from tests.unit.virt_api.admission_differences import BETTER, LATER, OTHERS, SUBRESOURCES
from tests.unit.virt_api.recorded import requests
from tests.unit.virt_api.worlds import WEBHOOKS, admit, ask, world
from virt_api.plan.rules.migration import MigrationNews
from virt_model.config import ClusterConfig
from virt_model.idle_kinds import creation_path
from virt_operator.plan.admission import on_create, on_update

#: the gates that were on when the recording was made
CONFIG = ClusterConfig(gates_on=frozenset({"HotplugVolumes", "DownwardMetrics", "Sidecar", "HostDisk"}))
ACTIONS = "subresource"


def _mine(record: dict[str, Any]) -> bool:
    return _plural(record) in WEBHOOKS and not record["case"].startswith(ACTIONS) and record["case"] not in OTHERS


def _plural(record: dict[str, Any]) -> str:
    path = record["path"].split("?")[0].split("/")
    return path[6] if len(path) > 6 else ""


def _other(record: dict[str, Any]) -> bool:
    return record["case"] in OTHERS or record["case"].startswith(ACTIONS)


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
    return admit(_plural(record), _after(record, before), before, around=world(CONFIG, _news(record)))


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
    if record["case"] in LATER:
        assert code == 422
        assert any(f"{LATER[record['case']]}: not supported yet" in cause["message"] for cause in _causes(said))
        return
    if record["case"] in BETTER:
        assert (code, record["http_status"]) == (422, 201)
        return
    assert code == record["http_status"], said
    if code >= 400:
        assert said["message"] == wanted["message"]
        assert said.get("reason") == wanted.get("reason")
        assert _causes(said) == _causes(wanted)


ACCEPTED = [
    record
    for record in MINE
    if record["http_status"] == 201 and record["case"] not in LATER | BETTER and record["method"] == "POST"
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


IDLE = [
    record
    for record in requests()
    if _plural(record) not in WEBHOOKS and _plural(record) != "kubevirts" and not _other(record)
]


@pytest.mark.parametrize("record", IDLE, ids=[record["case"] for record in IDLE])
def test_a_kind_without_a_controller_is_refused_in_one_way(record: dict[str, Any]) -> None:
    response = ask(creation_path(_plural(record)), record["manifest"])
    assert not response["allowed"]
    assert f"{LATER[record['case']]}: not supported yet" in response["status"]["message"]


def test_there_is_one_kubevirt() -> None:
    record = next(each for each in requests() if each["case"] == "kubevirt: second CR")
    said = on_create(record["manifest"], [{"metadata": {"name": "kubevirt"}}]).refusal
    assert (record["http_status"], record["response"]["message"].rpartition("request: ")[2]) == (400, said)


def test_a_kubevirt_that_the_decoder_refused_is_refused_by_its_field() -> None:
    record = next(each for each in requests() if each["case"] == "kubevirt: bad update")
    (cause,) = on_update({"metadata": {"name": "kubevirt"}, **record["manifest"]}, {}).causes
    field = "spec.configuration.migrations.parallelMigrationsPerCluster"
    assert (cause.field, field in record["response"]["message"]) == (field, True)


def test_every_recorded_request_is_compared_or_argued() -> None:
    cases = {record["case"] for record in requests()}
    compared = {record["case"] for record in (*MINE, *IDLE)}
    compared |= {case for case in cases if case.startswith(f"{ACTIONS}: ")}  # test_recorded_actions
    argued = LATER.keys() | BETTER.keys() | OTHERS.keys() | SUBRESOURCES.keys()
    assert argued <= cases
    assert cases - compared - argued == {"kubevirt: second CR"}
