"""Certificates that change while a server listens; identities that only a verified front proxy may speak for."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme
from multidict import CIMultiDict

from virt_runtime.front_proxy import FrontProxy
from virt_runtime.tls import ClientContexts, Pair, ServingCertificate, client_context

NAME = "virt-api.kubevirt.svc"


def pair(authority: trustme.CA, name: str = NAME, common_name: str | None = None) -> Pair:
    made = authority.issue_cert(name, common_name=common_name)
    certificate = b"".join(each.bytes() for each in made.cert_chain_pems)
    return Pair(certificate=certificate, key=made.private_key_pem.bytes())


def pem(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


def meet(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = NAME
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both sides after a handshake in memory. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return one, other


def trusting(*authorities: trustme.CA, with_pair: Pair | None = None) -> ssl.SSLContext:
    bundle = b"".join(pem(each) for each in authorities)
    return ClientContexts(lambda: bundle, (lambda: with_pair) if with_pair else None).context()


def test_a_rotated_certificate_is_served_by_the_same_context() -> None:
    old, new = trustme.CA(), trustme.CA()
    present = [pair(old)]
    listening = ServingCertificate(lambda: present[0]).context()
    meet(listening, trusting(old))
    present[0] = pair(new)
    meet(listening, trusting(new))
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(listening, trusting(old))


def test_rotation_needs_no_server_name() -> None:
    old, new = trustme.CA(), trustme.CA()
    present = [pair(old)]
    listening = ServingCertificate(lambda: present[0]).context()
    present[0] = pair(new)
    client = trusting(new)
    client.check_hostname = False
    meet(listening, client, name=None)


def test_a_mounted_secret_is_read_again_when_its_link_moves(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    for version, authority in (("1", old), ("2", new)):
        (tmp_path / version).mkdir()
        made = pair(authority)
        (tmp_path / version / "tls.crt").write_bytes(made.certificate)
        (tmp_path / version / "tls.key").write_bytes(made.key)
    (tmp_path / "..data").symlink_to("1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    listening = ServingCertificate(tmp_path).context()
    meet(listening, trusting(old))
    (tmp_path / "..new").symlink_to("2")
    os.replace(tmp_path / "..new", tmp_path / "..data")
    meet(listening, trusting(new))


def test_clients_are_verified_against_the_present_bundle() -> None:
    servers, old, new = trustme.CA(), trustme.CA(), trustme.CA()
    bundle = [pem(old)]
    own = pair(servers)
    listening = ServingCertificate(lambda: own, lambda: bundle[0]).context()
    _, server = meet(listening, trusting(servers, with_pair=pair(old, "a", "front")))
    certificate = server.getpeercert()
    assert certificate is not None
    assert ("commonName", "front") in [field for part in certificate["subject"] for field in part]
    bundle[0] = pem(new)
    with pytest.raises(ssl.SSLError):
        meet(listening, trusting(servers, with_pair=pair(old, "a")))
    meet(listening, trusting(servers, with_pair=pair(new, "a")))


def test_a_client_without_certificate_is_let_in_unless_one_is_required() -> None:
    authority = trustme.CA()
    own = pair(authority)
    optional = ServingCertificate(lambda: own, lambda: pem(authority)).context()
    _, server = meet(optional, trusting(authority))
    assert not server.getpeercert()
    required = ServingCertificate(lambda: own, lambda: pem(authority), clients_required=True).context()
    with pytest.raises(ssl.SSLError):
        meet(required, trusting(authority))


def test_a_client_follows_its_files(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    bundle = tmp_path / "ca-bundle"
    bundle.write_bytes(pem(old))
    contexts = client_context(bundle)
    first = contexts.context()
    assert contexts.context() is first
    own = pair(new)
    listening = ServingCertificate(lambda: own).context()
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(listening, first)
    bundle.unlink()
    bundle.write_bytes(pem(old) + pem(new))
    meet(listening, contexts.context())


def test_no_key_is_left_in_a_file(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    made = pair(trustme.CA())
    ServingCertificate(lambda: made).context()
    assert set(os.listdir("/proc/self/fd")) == before


# --- front proxy

CONFIGMAP = {
    "data": {
        "requestheader-client-ca-file": "PEM",
        "requestheader-allowed-names": '["front-proxy"]',
        "requestheader-username-headers": '["X-User", "X-Remote-User"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    }
}
CERTIFICATE = {"subject": ((("commonName", "front-proxy"),),)}
HEADERS = CIMultiDict(
    [
        ("X-Remote-User", "jane"),
        ("X-Remote-Group", "a"),
        ("x-remote-group", "b"),
        ("X-Remote-Extra-Scopes%2FX", "1"),
        ("X-Remote-Extra-scopes%2fx", "2"),
    ]
)


def test_a_trusted_proxy_speaks_for_the_user() -> None:
    identity = FrontProxy.from_configmap(CONFIGMAP).identify(CERTIFICATE, HEADERS)
    assert identity is not None
    assert (identity.user, identity.groups) == ("jane", ("a", "b"))
    assert identity.extra == {"scopes/x": ("1", "2")}


@pytest.mark.parametrize("certificate", [None, {}, {"subject": ((("commonName", "kubelet"),),)}])
def test_nobody_else_does(certificate: dict[str, object] | None) -> None:
    assert FrontProxy.from_configmap(CONFIGMAP).identify(certificate, HEADERS) is None


def test_without_an_authority_nobody_is_trusted() -> None:
    assert FrontProxy.from_configmap({}).identify(CERTIFICATE, HEADERS) is None


def test_without_allowed_names_every_verified_name_is() -> None:
    open_to_all = FrontProxy(client_ca=b"PEM")
    assert open_to_all.identify({"subject": ((("commonName", "any"),),)}, HEADERS) is not None
    assert open_to_all.identify(CERTIFICATE, CIMultiDict()) is None
