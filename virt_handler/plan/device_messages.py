"""The few messages of the kubelet's device plugin API (v1beta1), in protobuf's wire form. Pure.

Encoders are written out: seven flat messages do not earn a code generator and its runtime. Field numbers:
`k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

VERSION = "v1beta1"
HEALTHY = "Healthy"
_LENGTH_DELIMITED = 2


class HostDevice(Struct, frozen=True, kw_only=True):
    """A device node given to a container; `permissions` of r, w, m."""

    host_path: str
    container_path: str
    permissions: str = "mrw"


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def register_request(endpoint: str, resource: str) -> bytes:
    """RegisterRequest: `endpoint` is the socket's name below the kubelet's plugin directory."""
    return _field(1, VERSION) + _field(2, endpoint) + _field(3, resource)


def device_list(ids: list[str]) -> bytes:
    """ListAndWatchResponse with healthy devices."""
    return b"".join(_field(1, _field(1, device) + _field(2, HEALTHY)) for device in ids)


def allocate_response(containers: int, devices: tuple[HostDevice, ...]) -> bytes:
    """AllocateResponse that gives each asking container the same device nodes."""
    specs = b"".join(
        _field(3, _field(1, each.container_path) + _field(2, each.host_path) + _field(3, each.permissions))
        for each in devices
    )
    return _field(1, specs) * containers


def containers_asking(allocate_request: bytes) -> int:
    """How many container requests an AllocateRequest has; raises ValueError on bytes that are no message."""
    return sum(number == 1 for number, _ in _fields(allocate_request))


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"unexpected wire type {key & 7}")
        length, at = _read_varint(data, at)
        if at + length > len(data):
            raise ValueError("truncated message")
        yield key >> 3, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("broken number")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
