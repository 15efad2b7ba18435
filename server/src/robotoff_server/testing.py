"""Running the server inside a test: on a real socket, in a thread of its own, watched for blocking calls.

with Served(runtime) as served, forbid_blocking():
    reply = served.client.get("/api/v1/status")
"""

import asyncio
import http.client
import json
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlencode

from attrs import frozen

from .serving import address, listen, run

if TYPE_CHECKING:
    from robotoff_core.runtime import Runtime

__all__ = ["Client", "Reply", "Served", "forbid_blocking"]


@frozen
class Reply:
    """One response: its status, its headers (names in lower case, values in order) and its body."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return self.headers.get(name.lower(), (None,))[0]


class Client:
    """Speaks HTTP to one server; every request has a connection of its own, and its path goes out as it stands."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
            found: dict[str, tuple[str, ...]] = {}
            for name, value in response.getheaders():
                found[name.lower()] = (*found.get(name.lower(), ()), value)
            return Reply(response.status, found, content)
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """A GET request."""
        return self.request("GET", path, headers=headers)

    def form(self, path: str, values: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        """A POST request with a form."""
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", path, urlencode(values).encode(), {**content, **(headers or {})})


class Served:
    """A context in which *runtime* is served on a free port of this machine; ``url`` and ``client`` lead to it."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._listener = listen("127.0.0.1", 0)
        self.url = address(self._listener)
        self.client = Client(*self._listener.getsockname()[:2])
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="robotoff-test-server", daemon=True)

    def __enter__(self) -> "Served":
        self._thread.start()
        self._ready.wait(30)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        if self._thread.is_alive():
            raise RuntimeError("the server did not stop within 30 s")

    def _work(self) -> None:
        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await run(self._runtime, self._listener, self._stop, self._ready.set)

        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to whoever started us
            self._failure = error
            self._ready.set()


@contextmanager
def forbid_blocking() -> Iterator[None]:
    """Within it, a call that blocks an event loop raises in that loop, and fails the test at the end.

    Watched are sleeping, opening databases and their connections, resolving names, connecting, starting processes.
    """
    from sqlalchemy.engine import Engine

    caught: list[str] = []
    watched = [
        (time, "sleep"),
        (sqlite3, "connect"),
        (socket, "create_connection"),
        (socket, "getaddrinfo"),
        (subprocess, "Popen"),
        (Engine, "connect"),
        (Engine, "raw_connection"),
    ]

    def guard(owner: Any, name: str) -> Any:
        original = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if asyncio._get_running_loop() is not None:
                caught.append(f"{owner.__name__}.{name}")
                raise AssertionError(f"{owner.__name__}.{name} was called in the event loop")
            return original(*args, **kwargs)

        return mock.patch.object(owner, name, guarded)

    patches = [guard(owner, name) for owner, name in watched]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
    if caught:
        raise AssertionError(f"the event loop was blocked by {', '.join(sorted(set(caught)))}")
