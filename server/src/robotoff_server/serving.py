"""Running the application on a listening socket: connection limits, graceful stop.

A connection beyond ``server.max_connections`` is told so at once (503) instead of waiting in silence, and one that says
nothing is closed, so that idle ones cannot use up the places. Stopping lets running requests finish.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from .app import make_app
from .middleware import SILENT, STOPPING
from .serialize import dump

if TYPE_CHECKING:
    from robotoff_core.runtime import Runtime

__all__ = ["PortTakenError", "address", "listen", "on_signals", "run"]

log = logging.getLogger("robotoff.server")
BACKLOG = 512
KEEP_ALIVE = 75.0
"""Seconds that a connection may idle between requests; longer than a reverse proxy's usual 60."""
FIRST_REQUEST = 20.0
"""Seconds within which a new connection must have sent a request's head."""
STOP = 10.0
"""Seconds that running requests have to finish when the server stops."""


class PortTakenError(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises :class:`PortTakenError` with a sentence for the operator."""
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise PortTakenError(f"{host} is no address of this machine ({error}). Choose another with --host.") from None
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"port {port} on {host} cannot be used ({error.strerror or error}): another program may be listening "
            "there. Stop it, or choose another port with --port."
        ) from None
    listener.setblocking(False)
    return listener


def address(listener: socket.socket) -> str:
    """The URL at which *listener* is reached from this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def run(
    runtime: "Runtime", listener: socket.socket, stop: asyncio.Event, ready: Callable[[], None] | None = None
) -> None:
    """Serve *runtime* on *listener* until *stop* is set; calls *ready* once requests are answered."""
    app = make_app(runtime)
    app[STOPPING] = stop
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=STOP, handle_signals=False
    )
    await runner.setup()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_limited(runner, runtime.config.server.max_connections), sock=listener)
    try:
        if ready is not None:
            ready()
        await stop.wait()
    finally:
        server.close()
        await runner.cleanup()


def _limited(runner: web.AppRunner, most: int) -> Callable[[], asyncio.BaseProtocol]:
    """A factory of protocols: the server's own up to *most* connections, then one that refuses."""
    server, silent = runner.server, runner.app[SILENT]
    assert server is not None
    loop = asyncio.get_running_loop()

    def close_silent(handler: web.RequestHandler) -> None:
        if id(handler) in silent:
            silent.discard(id(handler))
            if handler.transport is not None:
                handler.transport.close()

    def connect() -> asyncio.BaseProtocol:
        if len(server.connections) >= most:
            log.warning("connection refused", extra={"connections": most})
            return _Full()
        handler = server()
        silent.add(id(handler))
        loop.call_later(FIRST_REQUEST, close_silent, handler)
        return handler

    return connect


class _Full(asyncio.Protocol):
    """Tells a connection for which there is no place to come back, and closes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        body = dump({"title": "503 Service Unavailable", "description": "Too many connections, please try again."})
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        )
        transport.write(head.encode() + body)
        transport.close()


def on_signals(stop: Callable[[], object]) -> None:
    """Call *stop* at SIGINT and SIGTERM, in the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
