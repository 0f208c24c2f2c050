"""Volumes of a new VM that are filled when it is made: a data volume for each `--volume-import`.

A table says for each type of source which parameters it takes, which of them it cannot do without, and what the source
looks like in the manifest. The three older flags are other words for `--volume-import` and come first in boot order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from virtctl.plan.create.params import Form, Params, Values, needed, parsed, prefixed, split, wrong
from virtctl.plan.create.wish import Draft, texts

Json = dict[str, Any]
_FLAG: Final = "volume-import"
_DEPRECATED: Final = (("volume-blank", "blank"), ("volume-clone-pvc", "pvc"), ("volume-datasource", "ds"))


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """`spec` makes the part of the data volume's spec that says where the data is."""

    takes: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    spec: Callable[[Values], Json]
    size_optional: bool = False

    @property
    def params(self) -> Params:
        rest = {"size": Form.QUANTITY, **texts("type", "name"), "bootorder": Form.NUMBER}
        return {**texts(*self.takes), **dict.fromkeys(self.lists, Form.TEXTS), **rest}


def _from(source: str, keys: dict[str, str], *required: str) -> Callable[[Values], Json]:
    """A source of that name with the parameters that were given, under their names in the manifest."""

    def spec(values: Values) -> Json:
        for key in required:
            if not values.get(key):
                raise wrong(_FLAG, f"{key} is required with {source.lower()} volume source")
        return {"source": {source: {wire: values[key] for key, wire in keys.items() if values.get(key)}}}

    return spec


_PLAIN: Final = {"url": "url", "secretref": "secretRef"}
_CERTIFIED: Final = {**_PLAIN, "certconfigmap": "certConfigMap"}


def _http(values: Values) -> Json:
    spec = _from("http", _CERTIFIED, "url")(values)
    for key, wire in (("extraheaders", "extraHeaders"), ("secretextraheaders", "secretExtraHeaders")):
        if values.get(key):
            spec["source"]["http"][wire] = values[key].split(";")
    return spec


def _imageio(values: Values) -> Json:
    if not (values.get("url") and values.get("diskid")):
        raise wrong(_FLAG, "url and diskid are both required with imageio volume source")
    return _from("imageio", {**_CERTIFIED, "diskid": "diskId"})(values)


def _registry(values: Values) -> Json:
    if values.get("pullmethod", "") not in ("", "pod", "node"):
        raise wrong(_FLAG, "pullmethod must be set to pod or node")
    if bool(values.get("url")) == bool(values.get("imagestream")):
        raise wrong(_FLAG, "exactly one of url or imagestream must be defined")
    return _from("registry", {**_CERTIFIED, "imagestream": "imageStream", "pullmethod": "pullMethod"})(values)


def _elsewhere(source: str) -> Callable[[Values], Json]:
    """An object that has to be named with its namespace."""

    def spec(values: Values) -> Json:
        namespace, name = prefixed(_FLAG, needed(_FLAG, values, "src"), "src invalid: ")
        if not namespace:
            raise wrong(_FLAG, f'namespace of {source} "{name}" must be specified')
        return {"source": {source: {"name": name, "namespace": namespace}}}

    return spec


def _data_source(values: Values) -> Json:
    namespace, name = prefixed(_FLAG, needed(_FLAG, values, "src"), "src invalid: ")
    return {"sourceRef": {"kind": "DataSource", "name": name} | ({"namespace": namespace} if namespace else {})}


_VDDK: Final = {
    "url": "url", "uuid": "uuid", "thumbprint": "thumbprint", "secretref": "secretRef", "backingfile": "backingFile",
    "initimageurl": "initImageURL",
}  # fmt: skip

IMPORTS: Final[dict[str, Import]] = {
    "blank": Import(spec=_from("blank", {})),
    "gcs": Import(takes=("secretref", "url"), spec=_from("gcs", _PLAIN, "url")),
    "http": Import(
        takes=("certconfigmap", "secretref", "url"), lists=("extraheaders", "secretextraheaders"), spec=_http
    ),
    "imageio": Import(takes=("certconfigmap", "diskid", "secretref", "url"), spec=_imageio),
    "pvc": Import(takes=("src",), spec=_elsewhere("pvc"), size_optional=True),
    "registry": Import(takes=("certconfigmap", "imagestream", "pullmethod", "secretref", "url"), spec=_registry),
    "s3": Import(takes=("certconfigmap", "secretref", "url"), spec=_from("s3", _CERTIFIED, "url")),
    "vddk": Import(
        takes=("backingfile", "initimageurl", "secretref", "thumbprint", "url", "uuid"),
        spec=_from("vddk", _VDDK, "url", "uuid", "thumbprint", "secretref", "backingfile"),
    ),
    "snapshot": Import(takes=("src",), spec=_elsewhere("snapshot"), size_optional=True),
    "ds": Import(takes=("src",), spec=_data_source, size_optional=True),
}


def imported(draft: Draft) -> None:
    for text in (*_by_older_flags(draft), *draft.wish.volume_import):
        _add(draft, text)


def _by_older_flags(draft: Draft) -> list[str]:
    """In boot order: data sources, claims to clone, blank volumes."""
    found: list[str] = []
    for flag, kind in _DEPRECATED:
        given: tuple[str, ...] = getattr(draft.wish, flag.replace("-", "_"))
        if given:
            draft.warnings.append(f"Flag --{flag} has been deprecated, use flag --{_FLAG} instead")
        if not all(given):
            raise wrong(_FLAG, "params may not be empty")
        found = [*(f"type:{kind},{text}" for text in given), *found]
    return found


def _add(draft: Draft, text: str) -> None:
    kind = needed(_FLAG, split(_FLAG, text), "type")
    known = IMPORTS.get(kind)
    if known is None:
        raise wrong(_FLAG, f'invalid volume import type "{kind}", see help for supported values')
    values = parsed(_FLAG, text, known.params)
    spec = known.spec(values)
    if not known.size_optional:
        needed(_FLAG, values, "size")
    size = {"resources": {"requests": {"storage": values["size"]}}} if values.get("size") else {}
    name = values.get("name") or f"imported-volume-{draft.fresh()}"
    draft.add_volume(_FLAG, name, {"dataVolume": {"name": name}})
    draft.boots(_FLAG, name, values.get("bootorder"))
    templates = draft.spec.setdefault("dataVolumeTemplates", [])
    templates.append({"metadata": {"name": name}, "spec": {**spec, "storage": size}})
