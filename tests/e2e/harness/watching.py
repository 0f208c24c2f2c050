"""Every change of the objects of a namespace, in the order in which they happened to be seen."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from .cluster import Cluster
from .rest import access

Json = dict[str, Any]
_WATCHED = (
    "/apis/kubevirt.io/v1/namespaces/{}/virtualmachines",
    "/apis/kubevirt.io/v1/namespaces/{}/virtualmachineinstances",
    "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/events",
)
MIGRATIONS = "/apis/kubevirt.io/v1/namespaces/{}/virtualmachineinstancemigrations"


class Watching:
    """Context manager; `events` grows: `type` and `object`, as in the recordings. `more` are paths to watch besides."""

    def __init__(self, cluster: Cluster, namespace: str, *more: str) -> None:
        self.events: list[Json] = []
        self._news = threading.Condition()
        self._connections = [self._open(cluster, path.format(namespace)) for path in (*_WATCHED, *more)]
        answers = [answer for _, answer in self._connections]
        self._threads = [threading.Thread(target=self._read, args=(answer,), daemon=True) for answer in answers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, _ in self._connections:
            if connection.sock is not None:
                with contextlib.suppress(OSError):  # the API server has gone, with its node
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def first(self, what: str, wanted: Callable[[Json], bool], seconds: float) -> Json:
        """The first object seen that is `wanted`, at once. Raises AssertionError after `seconds`."""
        looked, deadline = 0, time.monotonic() + seconds
        with self._news:
            while True:
                for event in self.events[looked:]:
                    looked += 1
                    if event["type"] != "DELETED" and wanted(event["object"]):
                        found: Json = event["object"]
                        return found
                left = deadline - time.monotonic()
                assert left > 0, f"not seen within {seconds:.0f} s: {what}"
                self._news.wait(left)

    def last(self, kind: str, name: str) -> Json | None:
        """The object as it was seen last; None where it never was or is gone."""
        for event in reversed(self.events):
            thing = event["object"]
            if thing["kind"] == kind and thing["metadata"]["name"] == name:
                return None if event["type"] == "DELETED" else thing
        return None

    @staticmethod
    def _open(cluster: Cluster, path: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        """The answer's head has come, so nothing that happens from now on is missed."""
        server, context = access(cluster)
        connection = http.client.HTTPSConnection(server, context=context, timeout=900)
        connection.request("GET", f"{path}?watch=1&timeoutSeconds=900")
        return connection, connection.getresponse()

    def _read(self, answer: http.client.HTTPResponse) -> None:
        try:
            for line in iter(answer.readline, b""):
                with self._news:
                    self.events.append(json.loads(line))
                    self._news.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return  # the API server has gone, or the socket was closed under it: the test is over
