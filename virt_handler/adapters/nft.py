"""Apply one libnftables JSON transaction in the network namespace of the calling thread.

libnftables is called directly: it opens its netlink socket where the thread stands, needs no binary in the image and
no process per VM. Interface: `nftables/libnftables.h`.
"""

from __future__ import annotations

import ctypes
import json
from functools import cache
from typing import Any

_JSON_IN_AND_OUT = (1 << 4) | 0  # NFT_CTX_OUTPUT_JSON
_INPUT_JSON = 1 << 1  # NFT_CTX_INPUT_JSON, libnftables >= 1.0.8; older ones see JSON by its first brace


class NftError(OSError):
    """The kernel or libnftables refused the rules; the text is libnftables' own."""


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_ctx_buffer_error.argtypes = [ctypes.c_void_p]
    library.nft_ctx_buffer_output.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_error_buffer.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_output_buffer.argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


def _run(command: bytes) -> bytes:
    library = _library()
    context = library.nft_ctx_new(0)
    try:
        library.nft_ctx_output_set_flags(context, _JSON_IN_AND_OUT)
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_buffer_output(context)
        status = library.nft_run_cmd_from_buffer(context, command)
        if status != 0:
            raise NftError(library.nft_ctx_get_error_buffer(context).decode(errors="replace").strip())
        answer: bytes = library.nft_ctx_get_output_buffer(context)
        return answer
    finally:
        library.nft_ctx_free(context)


def apply(transaction: dict[str, Any]) -> None:
    """All of the transaction or nothing of it."""
    if transaction["nftables"]:
        _run(json.dumps(transaction).encode())


def ruleset() -> dict[str, Any]:
    """Everything that is loaded here, as libnftables prints it."""
    listed: dict[str, Any] = json.loads(_run(b"list ruleset") or b'{"nftables": []}')
    return listed
