"""What handlers work with: the engine's runtime, the threads to call it in, and the caller's identity."""

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aiohttp import web
from attrs import define, field

from robotoff_core.engine.runner import Failure
from robotoff_core.identity import digest_key

from .errors import ApiError, http_title, refused
from .identity import Caller, Networks, Unusable, caller_of, client_address, credentials, networks
from .params import FORM, Parameters
from .pool import PluginThreads, Pool
from .ratelimit import RateLimit

if TYPE_CHECKING:
    from robotoff_core.engine.runner import Runner
    from robotoff_core.jobs.host import IsolatedRunner
    from robotoff_core.runtime import Runtime

__all__ = ["SERVICES", "Services", "open_services"]

T = TypeVar("T")

BODY_SECONDS = 30.0
"""How long a client may take to send a body."""
VERIFIED_SECONDS = 60.0
"""How long verified credentials are believed without asking again: a password hash is slow on purpose."""
FAILED_LOGINS = 30
"""Failed verifications a minute of one address, after which its credentials are not looked at."""

PLUGIN_SECONDS = 5.0
"""How long a plugin's route or health check may take."""
ROUTE_FAILURE_SECONDS = 300.0
"""How long health speaks of a plugin's route that raised."""


@define(eq=False)
class Services:
    """One per process. ``call`` is the only way from a handler to anything that may block."""

    runtime: "Runtime"
    trusted: Networks
    writes: RateLimit
    digest_key: bytes = field(repr=False)
    pool: Pool = field(factory=lambda: Pool("read"))
    answers: Pool = field(factory=lambda: Pool("answer"))
    """Answers may wait seconds for their edit; reads never stand behind them."""
    plugin_threads: PluginThreads = field(factory=lambda: PluginThreads(PLUGIN_SECONDS))
    _logins: RateLimit = field(factory=lambda: RateLimit(FAILED_LOGINS))
    _verified: dict[bytes, tuple[float, str]] = field(factory=dict)
    _routes: "Runner | IsolatedRunner | None" = None
    _lock: threading.Lock = field(factory=threading.Lock)
    _route_failures: dict[str, tuple[int, float]] = field(factory=dict)
    _key: bytes = field(factory=lambda: os.urandom(32), repr=False)

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """``function(*args)`` in the pool."""
        return await self.pool.call(function, *args)

    async def parameters(self, request: web.Request) -> Parameters:
        """The request's parameters, with its form body if it has one."""
        form: str | None = None
        if request.body_exists and request.content_type == FORM:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    form = (await request.read()).decode("utf-8", "replace")
            except TimeoutError:
                raise ApiError(408, http_title(408), "The request's body did not arrive in time.") from None
            except web.RequestPayloadError:
                raise refused("The request's body is not encoded as its headers say.") from None
        return Parameters.parse(request.rel_url.raw_query_string, form)

    async def caller(self, request: web.Request, parameters: Parameters, *, writes: bool) -> Caller:
        """Who calls. Unusable credentials are anonymous on reads and refused on writes (401)."""
        try:
            given = credentials(request.headers.get("Authorization"))
        except Unusable as error:
            if writes:
                raise error.error() from None
            given = None
        username = None if given is None else await self._verify(request, *given)
        return caller_of(request, parameters, username, self.trusted, self.digest_key)

    def take_write(self, caller: Caller) -> None:
        """Count one write of an anonymous caller. Raises 429 with ``Retry-After`` when it has had its share."""
        if caller.anonymous and (wait := self.writes.wait(caller.address)):
            seconds = max(1, round(wait + 0.5))
            raise ApiError(
                429,
                http_title(429),
                f"Too many anonymous answers from this address, please wait {seconds} s.",
                {"Retry-After": str(seconds)},
            )

    async def _verify(self, request: web.Request, username: str, password: str) -> str | None:
        secret = hashlib.blake2b(f"{username}\0{password}".encode("utf-8", "replace"), key=self._key).digest()
        now = time.monotonic()
        until, known = self._verified.get(secret, (0.0, ""))
        if until > now:
            return known
        address = client_address(request, self.trusted)
        if self._logins.blocked(address):
            return None
        verified = await self.call(self.runtime.identity.verify, username, password)
        if verified is None:
            self._logins.wait(address)
            return None
        self._verified = {key: entry for key, entry in self._verified.items() if entry[0] > now}
        self._verified[secret] = (now + VERIFIED_SECONDS, verified)
        return verified

    def route_failed(self, plugin: str) -> None:
        """Remember that a route of *plugin* raised; health tells for a while."""
        count, _ = self._route_failures.get(plugin, (0, 0.0))
        self._route_failures[plugin] = (count + 1, time.monotonic())

    def route_failures(self) -> dict[str, int]:
        """How often the routes of each plugin have raised, for those where it happened lately."""
        since = time.monotonic() - ROUTE_FAILURE_SECONDS
        return {plugin: count for plugin, (count, at) in self._route_failures.items() if at > since}

    def route(self, name: str, query: Mapping[str, str]) -> Any:
        """What a plugin's route answers, or the :class:`~robotoff_core.engine.runner.Failure` of it. Blocks.

        Where components are isolated, routes have a process of their own: a slow one delays no answer, and one that
        spins is stopped.
        """
        runtime = self.runtime
        if name in runtime.breaker.tripped():
            return Failure(name, runtime.registry.owner_of_component(name) or "", "tripped", "the route is tripped")
        result = self._routes_runner().route(name, query)
        runtime.observe({name}, [result] if isinstance(result, Failure) else [])
        return result

    def _routes_runner(self) -> "Runner | IsolatedRunner":
        with self._lock:
            if self._routes is None:
                if self.runtime.interactive_runner is self.runtime.runner_inline:
                    self._routes = self.runtime.runner_inline
                else:
                    from robotoff_core.jobs.host import IsolatedRunner

                    self._routes = IsolatedRunner(self.runtime.config, self.runtime.registry)
            return self._routes

    def close(self) -> None:
        """Wait for the pools and end the routes' process; the runtime belongs to whoever opened it."""
        if self._routes is not None and self._routes is not self.runtime.runner_inline:
            cast("IsolatedRunner", self._routes).close()
        self.pool.close()
        self.answers.close()


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)


def open_services(runtime: "Runtime") -> Services:
    """The services of *runtime*. Raises :class:`ValueError` naming the configuration key that makes no sense."""
    server = runtime.config.server
    return Services(
        runtime,
        networks(server.trusted_proxies),
        RateLimit(server.anonymous_writes_per_minute),
        digest_key(runtime.config),
    )
