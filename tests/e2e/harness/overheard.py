"""What anybody between two nodes can read: the packets of a node's own interface."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from localcluster.cluster import store
from virt_handler.adapters.netns import enter

from .cluster import Cluster

NODE_LINK = "eth0"
EVERY_PACKET = 3  # ETH_P_ALL
BUFFER_BYTES = 64 << 20


class Overheard:
    """`total` bytes went by; `found` are those of the texts listened for that were among them."""

    def __init__(self, texts: tuple[bytes, ...]) -> None:
        self._texts = texts
        self.total, self.found = 0, set[bytes]()

    def packet(self, data: bytes) -> None:
        self.total += len(data)
        self.found |= {text for text in self._texts if text not in self.found and text in data}


@contextmanager
def overhearing(cluster: Cluster, node: str, *texts: bytes) -> Iterator[Overheard]:
    """What the node sends and gets meanwhile. A text that crosses from one packet into the next is missed."""
    heard, over = Overheard(texts), threading.Event()
    link = _opened(cluster, node)

    def listen() -> None:
        while not over.is_set():
            try:
                heard.packet(link.recv(1 << 17))
            except TimeoutError:
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()
        link.close()


def _opened(cluster: Cluster, node: str) -> socket.socket:
    init = store.of(cluster.name).init_of(node)
    assert init is not None, f"{node} does not run"
    opened: list[socket.socket] = []

    def inside() -> None:
        descriptor = os.open(f"/proc/{init.pid}/ns/net", os.O_RDONLY)
        try:
            enter(descriptor)
        finally:
            os.close(descriptor)
        opened.append(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY_PACKET)))

    thread = threading.Thread(target=inside)  # the namespace is the thread's, the socket stays in it
    thread.start()
    thread.join()
    (link,) = opened
    link.bind((NODE_LINK, EVERY_PACKET))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    link.settimeout(0.2)
    return link
