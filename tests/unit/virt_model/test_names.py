"""Derived names: same in, same out, and they fit."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from virt_model import names
from virt_model.name_forms import label_faults

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
vmi_names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@settings(deadline=None)
@given(vmi_names, st.uuids())
def test_a_launcher_pods_name_is_a_label_and_depends_on_nothing_but_name_and_uid(name: str, uid: object) -> None:
    made = names.launcher_pod_name(name, str(uid))
    assert len(made) <= 63
    assert DNS_LABEL.fullmatch(made)
    assert made == names.launcher_pod_name(name, str(uid))


def test_another_uid_gives_another_pod() -> None:
    made = {names.launcher_pod_name("a", f"uid-{index}") for index in range(2000)}
    assert len(made) == 2000


def test_a_long_name_keeps_its_beginning() -> None:
    made = names.launcher_pod_name("a" * 63, "uid")
    assert made.startswith("virt-launcher-" + "a" * 40)


def test_host_name_is_the_first_label() -> None:
    assert names.hostname("web.example.org") == "web"
    assert names.hostname("web", "other") == "other"
    assert names.hostname("w" * 70) == "w" * 63


def test_a_vmi_name_too_long_for_a_label_is_cut_and_hashed() -> None:
    name = "n" * 64
    made = names.vmi_id_label(name)
    assert re.fullmatch(r"n{54}-[0-9a-f]{8}", made)
    assert names.vmi_id_label("n" * 63) == "n" * 63


def test_domain_and_revision_names() -> None:
    assert names.domain_name("ns", "a") == "ns_a"
    assert names.start_revision_name("u", 7) == "revision-start-vm-u-7"
    assert names.firmware_uuid_of_old_vm("a") == names.firmware_uuid_of_old_vm("a")


@given(st.from_regex("[a-z0-9]([-.a-z0-9]{0,80}[a-z0-9])?", fullmatch=True), st.booleans())
def test_a_free_label_is_a_label_and_free(wanted: str, taken: bool) -> None:
    others = {wanted, names.free_label(wanted, {wanted})} if taken else set()
    label = names.free_label(wanted, others)
    assert label not in others
    assert not label_faults(label)
    assert label == names.free_label(wanted, others)
    assert label == wanted or taken or label_faults(wanted)
