"""virt-handler's certificate requests: one is granted, every deviation is denied; and the signer does so on an API."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.fakes.waiting import until
from tests.unit.virt_operator.world import NAMESPACE, world
from virt_operator.adapters import pki
from virt_operator.plan.names import HANDLER_CN
from virt_operator.plan.signing import NODE_CLAIM, POD_CLAIM, judge

Json = dict[str, Any]
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
NAME = f"node1.virt-handler.{NAMESPACE}.svc"
POD = {
    "metadata": {"name": "virt-handler-x"},
    "spec": {"nodeName": "node1"},
    "status": {"podIP": "10.0.0.5", "podIPs": [{"ip": "10.0.0.5"}, {"ip": "fd00::5"}]},
}


def request(
    common_name: str = HANDLER_CN,
    dns: tuple[str, ...] = (NAME,),
    ips: tuple[str, ...] = ("10.0.0.5",),
    organization: str = "",
) -> bytes:
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]
    if organization:
        subject.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization))
    names: list[x509.GeneralName] = [x509.DNSName(each) for each in dns]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in ips]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    key = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def csr(pem: bytes, **spec: Any) -> Json:
    given = {
        "signerName": "kubevirt.io/virt-handler",
        "username": f"system:serviceaccount:{NAMESPACE}:kubevirt-handler",
        "usages": ["digital signature", "key encipherment", "server auth"],
        "extra": {NODE_CLAIM: ["node1"], POD_CLAIM: ["virt-handler-x"]},
        "request": base64.b64encode(pem).decode(),
        "expirationSeconds": 3600,
    }
    return {"metadata": {"name": "one"}, "spec": given | spec}


def verdict(pem: bytes, pod: Json | None = POD, **spec: Any) -> str:
    return judge(csr(pem, **spec), pki.asked(pem), pod, NAMESPACE).reason


def test_its_own_node_and_pod_are_granted() -> None:
    assert verdict(request()) == ""
    assert verdict(request(ips=("10.0.0.5", "fd00::5"))) == ""


@pytest.mark.parametrize(
    ("pem", "spec", "words"),
    [
        (request(), {"username": "system:serviceaccount:other:kubevirt-handler"}, "is not virt-handler"),
        (request(), {"extra": {}}, "not bound to a pod"),
        (request(), {"extra": {NODE_CLAIM: ["node2"], POD_CLAIM: ["virt-handler-x"]}}, "the name must be node2"),
        (request(), {"usages": ["cert sign"]}, "usages"),
        (request(common_name="admin"), {}, "subject"),
        (request(organization="system:masters"), {}, "subject"),
        (request(dns=(NAME, "virt-api.kubevirt.svc")), {}, "the name must be"),
        (request(dns=()), {}, "the name must be"),
        (request(ips=("10.0.0.6",)), {}, "an address that is not the pod's"),
        (b"rubbish", {}, "not valid"),
    ],
)
def test_everything_else_is_denied(pem: bytes, spec: Json, words: str) -> None:
    assert words in verdict(pem, **spec)


def test_a_pod_elsewhere_or_gone_is_denied() -> None:
    assert "not there" in verdict(request(), pod=None)
    assert "not there" in verdict(request(), pod={**POD, "spec": {"nodeName": "node2"}})


def test_a_key_of_another_kind_is_denied() -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HANDLER_CN)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    assert "elliptic" in verdict(made.public_bytes(serialization.Encoding.PEM))


async def test_requests_are_signed_and_denied_on_the_api() -> None:
    async with world() as here:
        here.fake.put(f"/api/v1/namespaces/{NAMESPACE}/pods", POD)
        here.fake.put(CSRS, csr(request()))
        here.fake.put(CSRS, {**csr(request(common_name="admin")), "metadata": {"name": "two"}})

        def of(name: str) -> Json:
            return here.all("certificatesigningrequests")[name].get("status") or {}

        await until(lambda: of("one").get("certificate") and of("two").get("conditions"))
        assert [each["type"] for each in of("one")["conditions"]] == ["Approved"]
        assert [each["type"] for each in of("two")["conditions"]] == ["Denied"]
        made = x509.load_pem_x509_certificate(base64.b64decode(of("one")["certificate"]))
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [NAME]
        authority = pki.Signer(here.all("secrets")["kubevirt-ca"]).certificate
        made.verify_directly_issued_by(authority)
        assert "certificate" not in of("two")
