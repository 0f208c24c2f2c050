"""Keys and certificates of a cluster, made with openssl where they are not there yet."""

from __future__ import annotations

from pathlib import Path

from localcluster.render.certificates import CA, FRONT_PROXY_CA, Certificate, wanted
from localcluster.render.spec import Spec
from localcluster.shell import run

DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def make(spec: Spec, place: Path) -> None:
    """Fill directory `place`. What exists is kept, so a cluster that grows keeps its authority."""
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    for name in (CA, FRONT_PROXY_CA):
        if not (place / f"{name}.crt").is_file():
            _authority(place, name)
    for certificate in wanted(spec):
        if not (place / f"{certificate.name}.crt").is_file():
            _leaf(place, certificate)
    if not (place / "service-accounts.pub").is_file():
        _service_account_keys(place)


def _authority(place: Path, name: str) -> None:
    """The certificate is renamed into place last: it is the mark that both files are whole."""
    usage = ("-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign")
    _openssl(place, name, "-subj", f"/CN=podvirt-{name}", "-addext", "basicConstraints=critical,CA:TRUE", *usage)


def _leaf(place: Path, certificate: Certificate) -> None:
    extensions = [
        "basicConstraints=critical,CA:FALSE",
        "extendedKeyUsage=clientAuth,serverAuth",
        "keyUsage=critical,digitalSignature",
    ]
    if certificate.names:
        extensions.append(f"subjectAltName={','.join(certificate.names)}")
    signer = place / certificate.signer
    words = [word for extension in extensions for word in ("-addext", extension)]
    _openssl(
        place, certificate.name, "-subj", certificate.subject, "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", *words
    )


def _openssl(place: Path, name: str, *words: str) -> None:
    scratch = place / f"{name}.crt.part"
    run(["openssl", "req", "-x509", "-days", DAYS, *NEW_KEY, "-keyout", place / f"{name}.key", "-out", scratch, *words])
    scratch.rename(place / f"{name}.crt")


def _service_account_keys(place: Path) -> None:
    private, scratch = place / "service-accounts.key", place / "service-accounts.pub.part"
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", private])
    run(["openssl", "pkey", "-in", private, "-pubout", "-out", scratch])
    scratch.rename(place / "service-accounts.pub")
