"""Keys and certificates: ECDSA P-256, made and read with `cryptography`. What is due when is decided in the plan."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from virt_operator.adapters.secrets import pair_of
from virt_operator.plan.certificates import BACKDATED, Authority, Leaf, Wanted, signs_from
from virt_operator.plan.names import MANAGED_LABEL, OPERATOR
from virt_operator.plan.signing import Asked
from virt_runtime.resources import Json

FORMER = {"former.crt": "tls.crt", "former.key": "tls.key"}
"""Where an authority's Secret keeps the pair of the one before."""


class Purpose(Enum):
    """What a certificate is shown for."""

    SERVER = "server"
    CLIENT = "client"
    PEER = "peer"  # both: agents serve virt-api, and are each other's clients when a guest moves


_USAGES: Final = {
    Purpose.SERVER: [ExtendedKeyUsageOID.SERVER_AUTH],
    Purpose.CLIENT: [ExtendedKeyUsageOID.CLIENT_AUTH],
    Purpose.PEER: [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
}


class Signer:
    """An authority's certificate with its key, as read from its Secret."""

    def __init__(self, secret: Json) -> None:
        certificate, key = pair_of(secret)
        self.certificate = x509.load_pem_x509_certificate(certificate)
        loaded = serialization.load_pem_private_key(key, None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("the authority's key is not an elliptic curve key")
        self._key = loaded

    def sign(
        self,
        public_key: ec.EllipticCurvePublicKey,
        common_name: str,
        dns: Sequence[str],
        ips: Sequence[str],
        *,
        purpose: Purpose,
        now: datetime,
        seconds: float,
    ) -> bytes:
        """A leaf certificate in PEM, valid at most as long as the authority."""
        until = min(now + timedelta(seconds=seconds), self.certificate.not_valid_after_utc)
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ips]
        builder = (
            _builder(common_name, self.certificate.subject, public_key, now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_USAGES[purpose]), critical=False)
            .add_extension(_authority_identifier(self.certificate), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signer_of(secret: Json, now: datetime) -> Signer:
    """Who signs now: the former authority as long as not everyone knows the new one, if it is valid that long."""
    return Signer({"data": _signing_pair(secret, now)})


def _signing_pair(secret: Json, now: datetime) -> Json:
    present, former = Signer(secret).certificate, _former(secret)
    unknown = now < signs_from(present.not_valid_before_utc)
    use_former = former is not None and unknown and now < former.certificate.not_valid_after_utc
    return _former_pair(secret) if use_former else secret["data"]


def authority_secret(namespace: str, name: str, now: datetime, seconds: float, before: Json | None = None) -> Json:
    """The Secret of a new self-signed authority; it keeps who could sign so far, by the Secret `before`."""
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = f"kubevirt.io@{int(now.timestamp())}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(common_name, subject, key.public_key(), now, now + timedelta(seconds=seconds))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = tls_secret(namespace, name, certificate.public_bytes(serialization.Encoding.PEM), key)
    if before is not None and _usable_authority(before):
        kept = _signing_pair(before, now)
        made["data"] |= {old: kept[new] for old, new in FORMER.items()}
    return made


def issue_secret(namespace: str, wanted: Wanted, signer: Signer, now: datetime, seconds: float) -> Json:
    """The Secret of a new certificate with a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = Purpose.CLIENT if wanted.client else Purpose.SERVER
    certificate = signer.sign(
        key.public_key(), wanted.common_name, wanted.dns, (), purpose=purpose, now=now, seconds=seconds
    )
    return tls_secret(namespace, wanted.secret, certificate, key)


def tls_secret(namespace: str, name: str, certificate: bytes, key: ec.EllipticCurvePrivateKey) -> Json:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_LABEL: OPERATOR}},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(pem).decode()},
    }


def authorities(bundle: str) -> tuple[Authority, ...]:
    """The certificates of a PEM bundle; text that is none is passed over, it will be replaced."""
    if "BEGIN CERTIFICATE" not in bundle:
        return ()
    try:
        return tuple(_authority(each) for each in x509.load_pem_x509_certificates(bundle.encode()))
    except (ValueError, x509.ExtensionNotFound):
        return ()


class FactCache:
    """Facts of the certificates in Secrets, parsed once per version."""

    def __init__(self) -> None:
        self._authorities: dict[str, tuple[Authority | None, Authority | None]] = {}
        self._leaves: dict[str, tuple[str, Leaf | None]] = {}

    def authorities(self, secret: Json) -> tuple[Authority | None, Authority | None]:
        """The present and the former one. No present one where the Secret holds none that is usable."""
        version = secret["metadata"]["resourceVersion"]
        if version not in self._authorities:
            former = _former(secret)
            facts = _authority(former.certificate) if former else None
            self._authorities = {version: (_usable_authority(secret), facts)}
        return self._authorities[version]

    def leaf(self, secret: Json) -> Leaf | None:
        name, version = secret["metadata"]["name"], secret["metadata"]["resourceVersion"]
        if self._leaves.get(name, ("", None))[0] != version:
            self._leaves[name] = (version, _leaf(secret))
        return self._leaves[name][1]


def asked(request: bytes) -> Asked:
    """What a PKCS#10 request in PEM asks for; its proof of possession is checked."""
    try:
        csr = x509.load_pem_x509_csr(request)
        if not csr.is_signature_valid:
            return Asked(error="its signature does not fit its key")
        if not isinstance(csr.public_key(), ec.EllipticCurvePublicKey):
            return Asked(error="its key is not an elliptic curve key")
        names = _alternative_names(csr.extensions)
    except (ValueError, x509.DuplicateExtension) as error:
        return Asked(error=str(error))
    dns = tuple(each.value for each in names if isinstance(each, x509.DNSName))
    ips = tuple(str(each.value) for each in names if isinstance(each, x509.IPAddress))
    return Asked(
        common_name=_common_name(csr.subject),
        organizations=tuple(str(each.value) for each in csr.subject if each.oid != NameOID.COMMON_NAME),
        dns=dns,
        ips=ips,
        other_names=len(names) - len(dns) - len(ips),
    )


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    key = x509.load_pem_x509_csr(request).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not an elliptic curve key")
    return key


def _builder(
    common_name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _authority(certificate: x509.Certificate) -> Authority:
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return Authority(
        id=own.digest.hex(),
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _usable_authority(secret: Json) -> Authority | None:
    try:
        return _authority(Signer(secret).certificate)
    except (ValueError, KeyError, x509.ExtensionNotFound):
        return None


def _former(secret: Json) -> Signer | None:
    kept = {"data": _former_pair(secret)}
    return Signer(kept) if _usable_authority(kept) else None


def _former_pair(secret: Json) -> Json:
    data = secret.get("data") or {}
    return {new: data[old] for old, new in FORMER.items() if old in data}


def _leaf(secret: Json) -> Leaf | None:
    try:
        certificate = x509.load_pem_x509_certificate(pair_of(secret)[0])
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        names = _alternative_names(certificate.extensions)
    except (ValueError, KeyError, x509.ExtensionNotFound):
        return None
    return Leaf(
        issuer_id=(issuer.key_identifier or b"").hex(),
        dns=tuple(each.value for each in names if isinstance(each, x509.DNSName)),
        common_name=_common_name(certificate.subject),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _alternative_names(extensions: x509.Extensions) -> list[x509.GeneralName]:
    try:
        return [*extensions.get_extension_for_class(x509.SubjectAlternativeName).value]
    except x509.ExtensionNotFound:
        return []


def _common_name(name: x509.Name) -> str:
    return "".join(str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME))
