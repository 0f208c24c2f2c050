"""When certificates are made, and that what is made is accepted by a strict TLS client."""

from __future__ import annotations

import base64
import itertools
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from virt_operator.adapters import pki
from virt_operator.adapters.secrets import pair_of
from virt_operator.plan import certificates
from virt_operator.plan.certificates import (
    BACKDATED,
    TRUST_DELAY,
    Authority,
    Held,
    Leaf,
    Terms,
    Wanted,
    plan,
    terms_of,
    wanted,
)
from virt_runtime.tls import Pair, ServingCertificate

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TERMS = Terms()
HOUR = timedelta(hours=1)
NEEDED = wanted("kubevirt", installed=True)


class Cluster:
    """Secrets and bundle in memory; follows plans as the operator does."""

    def __init__(self) -> None:
        self.authority: dict[str, object] | None = None
        self.secrets: dict[str, dict[str, object]] = {}
        self.bundle: tuple[certificates.Authority, ...] = ()
        self.versions = self.issued = 0

    def held(self) -> Held:
        facts = pki.FactCache()
        leaves = {name: facts.leaf(body) for name, body in self.secrets.items()}
        present, former = facts.authorities(self.authority) if self.authority else (None, None)
        return Held(
            authority=present,
            former=former,
            bundle=self.bundle,
            leaves={name: leaf for name, leaf in leaves.items() if leaf},
        )

    def follow(self, now: datetime, terms: Terms = TERMS) -> certificates.CertificatePlan:
        """Do what is planned until nothing is; gives the last plan."""
        for _ in range(6):
            step = plan(NEEDED, self.held(), terms, now)
            if step.make_authority:
                seconds = terms.ca_duration.total_seconds()
                made = pki.authority_secret("kubevirt", "kubevirt-ca", now, seconds, self.authority)
                self.authority = self._versioned(made)
                continue
            assert self.authority is not None
            self.bundle = step.trusted
            signer = pki.signer_of(self.authority, now)
            for each in step.issue:
                seconds = terms.leaf_duration.total_seconds()
                made = pki.issue_secret("kubevirt", each, signer, now, seconds)
                self.secrets[each.secret] = self._versioned(made)
                self.issued += 1
            if not step.issue:
                return step
        raise AssertionError("certificates do not settle")

    def _versioned(self, secret: dict[str, object]) -> dict[str, object]:
        self.versions += 1
        metadata = secret["metadata"]
        assert isinstance(metadata, dict)
        return {**secret, "metadata": {**metadata, "resourceVersion": str(self.versions)}}

    def issuers(self) -> set[str]:
        return {leaf.issuer_id for leaf in self.held().leaves.values()}


def test_a_first_authority_signs_at_once() -> None:
    cluster = Cluster()
    step = cluster.follow(NOW)
    assert set(cluster.secrets) == {each.secret for each in NEEDED}
    assert len(step.trusted) == 1
    assert step.again_in == pytest.approx((TERMS.leaf_duration * 0.8).total_seconds())


def test_leaves_are_renewed_in_the_last_fifth_of_their_life() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    assert not plan(NEEDED, cluster.held(), TERMS, NOW + 19 * HOUR).issue
    assert len(plan(NEEDED, cluster.held(), TERMS, NOW + 19.3 * HOUR).issue) == len(NEEDED)


def test_a_new_authority_is_trusted_before_it_signs() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    (first,) = cluster.bundle
    due = NOW + TERMS.ca_duration * 0.8
    cluster.follow(due - HOUR)
    cluster.follow(due)
    assert [each.id for each in cluster.bundle[1:]] == [first.id]
    assert cluster.issuers() == {first.id}
    cluster.follow(due + TRUST_DELAY)
    assert cluster.issuers() == {cluster.bundle[0].id}
    assert len(cluster.bundle) == 2
    for hours in range(1, 60):
        cluster.follow(due + hours * HOUR)
    assert first.id not in {each.id for each in cluster.bundle}


def test_at_every_moment_of_a_month_all_leaves_are_valid_and_trusted() -> None:
    cluster = Cluster()
    now = NOW
    while now < NOW + timedelta(days=30):
        step = cluster.follow(now)
        trusted = {each.id: each for each in cluster.bundle}
        for leaf in cluster.held().leaves.values():
            assert leaf.not_before <= now < leaf.not_after
            assert trusted[leaf.issuer_id].not_after > now
        now += timedelta(seconds=max(step.again_in, 60))


def test_a_leaf_that_is_due_while_a_new_authority_is_unknown_is_signed_by_the_former() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    (first,) = cluster.bundle
    hasty = Terms(ca_renew_before=TERMS.ca_duration - HOUR, leaf_renew_before=TERMS.leaf_duration - HOUR)
    cluster.follow(NOW + HOUR, hasty)
    assert cluster.issued == 2 * len(NEEDED)
    assert len(cluster.bundle) == 2 and cluster.issuers() == {first.id}
    cluster.bundle = ()
    cluster.follow(NOW + HOUR, hasty)
    assert first.id in {each.id for each in cluster.bundle}, "the Secret keeps whom the ConfigMap forgot"
    cluster.follow(NOW + HOUR + TRUST_DELAY, hasty)
    assert cluster.issuers() == {cluster.bundle[0].id} != {first.id}


def test_authorities_that_change_faster_than_they_are_known_leave_the_last_known_one_to_sign() -> None:
    cluster, minute = Cluster(), timedelta(minutes=1)
    cluster.follow(NOW)
    (first,) = cluster.bundle
    hasty = Terms(ca_renew_before=TERMS.ca_duration - minute, leaf_renew_before=TERMS.leaf_duration - minute)
    for turn in range(60, 64):
        cluster.follow(NOW + turn * minute, hasty)
    assert len(cluster.bundle) == 5 and cluster.issuers() == {first.id}
    cluster.follow(NOW + 64 * minute + TRUST_DELAY)
    assert cluster.issuers() == {cluster.bundle[0].id}


def test_leaves_that_end_with_their_authority_are_not_renewed_without_end() -> None:
    cluster, terms = Cluster(), Terms(ca_duration=48 * HOUR, ca_renew_before=HOUR)
    now = NOW
    while now < NOW + 96 * HOUR:
        step = cluster.follow(now, terms)
        now += timedelta(seconds=step.again_in)
    assert cluster.issued < 12 * len(NEEDED)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(min_value=2, max_value=48),
    st.floats(min_value=0.1, max_value=0.9),
    st.integers(min_value=1, max_value=4),
)
def test_who_reads_two_minutes_late_still_trusts_everyone(hours: int, share: float, leaves: int) -> None:
    """Whatever the terms: a certificate as some pod serves it, a bundle as another knows it, both a little old."""
    late, cluster = timedelta(minutes=2), Cluster()
    leaf = hours * HOUR / leaves
    terms = Terms(
        ca_duration=hours * HOUR, ca_renew_before=hours * HOUR * share, leaf_duration=leaf, leaf_renew_before=leaf * 0.2
    )
    now, seen = NOW, []
    while now < NOW + 3 * hours * HOUR:
        step = cluster.follow(now, terms)
        seen.append((now, cluster.held().leaves, cluster.bundle))
        now += timedelta(seconds=step.again_in)

    def known(at: datetime) -> tuple[Mapping[str, Leaf], tuple[Authority, ...]]:
        return next((served, bundle) for when, served, bundle in reversed(seen) if when <= at)

    for moment in [when + after for when, _, _ in seen[1:-1] for after in (timedelta(), late)]:
        for served, bundle in itertools.product((known(moment)[0], known(moment - late)[0]), (moment, moment - late)):
            trusted = {each.id for each in known(bundle)[1] if each.not_after > moment}
            for name, each in served.items():
                assert each.issuer_id in trusted and each.not_before <= moment < each.not_after, (name, moment - NOW)


def test_changed_names_are_issued_anew() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    other = [Wanted(secret=each.secret, common_name="x", dns=("x",)) for each in NEEDED[:1]]
    assert plan(other, cluster.held(), TERMS, NOW).issue == tuple(other)


def test_shorter_terms_reach_what_was_made_before() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    shorter = Terms(leaf_duration=2 * HOUR, leaf_renew_before=HOUR)
    assert not plan(NEEDED, cluster.held(), shorter, NOW).issue
    assert len(plan(NEEDED, cluster.held(), shorter, NOW + HOUR).issue) == len(NEEDED)
    cluster.follow(NOW + HOUR, shorter)
    assert {leaf.not_after for leaf in cluster.held().leaves.values()} == {NOW + 3 * HOUR}


def test_a_spoiled_authority_is_made_again() -> None:
    cluster = Cluster()
    cluster.follow(NOW)
    assert cluster.authority is not None
    cluster.authority["data"] = {"tls.crt": "", "tls.key": ""}
    assert plan(NEEDED, cluster.held(), TERMS, NOW).make_authority
    cluster.follow(NOW)
    assert len(cluster.bundle) == 2
    cluster.follow(NOW + TRUST_DELAY)
    assert cluster.issuers() == {cluster.bundle[0].id}


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)))
def test_a_plan_always_says_when_to_look_again(later: timedelta) -> None:
    cluster = CLUSTER
    step = plan(NEEDED, cluster.held(), TERMS, NOW + later)
    assert step.make_authority or step.again_in >= 1


CLUSTER = Cluster()
CLUSTER.follow(NOW)


def test_both_spellings_of_the_terms() -> None:
    present = {"ca": {"duration": "10h", "renewBefore": "1h"}, "server": {"duration": "5h"}}
    former = {"caRotateInterval": "10h", "caOverlapInterval": "1h", "certRotateInterval": "5h"}
    expected = Terms(ca_duration=10 * HOUR, ca_renew_before=HOUR, leaf_duration=5 * HOUR, leaf_renew_before=HOUR)
    for signed in (present, former):
        assert terms_of({"spec": {"certificateRotateStrategy": {"selfSigned": signed}}}) == expected
    assert terms_of(None) == Terms()


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """In memory, both sides. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_strict_client_accepts_what_we_make() -> None:
    now = datetime.now(UTC)
    authority = pki.authority_secret("kubevirt", "kubevirt-ca", now, 3600)
    issued = pki.issue_secret("kubevirt", NEEDED[1], pki.Signer(authority), now, 600)
    certificate, key = pair_of(issued)
    server = ServingCertificate(lambda: Pair(certificate=certificate, key=key)).context()
    client = ssl.create_default_context(cadata=pair_of(authority)[0].decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    handshake(server, client, "virt-api.kubevirt.svc")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "virt-api.other.svc")


def test_a_leaf_never_outlives_its_authority() -> None:
    authority = pki.authority_secret("kubevirt", "kubevirt-ca", NOW, 3600)
    issued = pki.issue_secret("kubevirt", NEEDED[0], pki.Signer(authority), NOW, 999_999)
    made = x509.load_pem_x509_certificate(pair_of(issued)[0])
    assert made.not_valid_after_utc == NOW + HOUR
    assert made.not_valid_before_utc == NOW - BACKDATED


def test_rubbish_in_secrets_and_bundles_counts_as_nothing() -> None:
    rubbish = {"metadata": {"name": "x", "resourceVersion": "1"}, "data": {"tls.crt": base64.b64encode(b"x").decode()}}
    facts = pki.FactCache()
    assert facts.leaf(rubbish) is None
    assert facts.authorities(rubbish) == (None, None)
    assert pki.authorities("-----BEGIN CERTIFICATE-----\nrubbish") == ()
