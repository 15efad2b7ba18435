"""The application: every route in one table, one middleware chain, nothing that names an insight type."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from .console import endpoints as console
from .middleware import MIDDLEWARES, SILENT
from .resources import health, insights, plugins, questions, status
from .routing import Endpoint, add_endpoints
from .services import SERVICES, open_services

if TYPE_CHECKING:
    from robotoff_core.runtime import Runtime

__all__ = ["API", "core_endpoints", "make_app"]

log = logging.getLogger("robotoff.server")

API = "/api/v1"


def make_app(runtime: "Runtime") -> web.Application:
    """The application serving *runtime*, which stays its caller's to close.

    Raises :class:`ValueError` for a configuration that the server cannot work with.
    """
    services = open_services(runtime)
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=runtime.config.server.max_body_bytes)
    app[SERVICES] = services
    app[SILENT] = set()
    app[health.HEALTH] = health.Health()
    add_endpoints(app, [*core_endpoints(), *console.endpoints()])
    _add_plugin_endpoints(app, runtime)

    async def pool(_: web.Application) -> AsyncIterator[None]:
        yield
        services.close()

    app.cleanup_ctx.append(pool)
    return app


def core_endpoints() -> list[Endpoint]:
    """The public API: every route that does not come from a plugin."""
    table: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
        ("GET", "/status", status.status),
        ("GET", "/health", health.health),
        ("GET", "/plugins", plugins.listing),
        ("GET", "/plugins/{slug}", plugins.one),
        ("GET", "/insights", insights.search),
        ("GET", "/insights/random", insights.random),
        ("GET", "/insights/{barcode}", insights.of_product),
        ("GET", "/insights/detail/{insight_id}", insights.detail),
        ("POST", "/insights/annotate", insights.annotate),
        ("GET", "/questions", questions.search),
        ("GET", "/questions/random", questions.random),
        ("GET", "/questions/popular", questions.popular),
        ("GET", "/questions/unanswered", questions.unanswered),
        ("GET", "/questions/{barcode}", questions.of_product),
    ]
    return [Endpoint(method, API + path, handler) for method, path, handler in table] + [
        Endpoint("GET", "/robots.txt", status.robots)
    ]


def _add_plugin_endpoints(app: web.Application, runtime: "Runtime") -> None:
    """Add the plugins' routes, one plugin at a time: a path that cannot be a route costs its plugin its routes only."""
    services = app[SERVICES]
    by_plugin: dict[str, list[Endpoint]] = {}
    for registered in runtime.registry.routes:
        route = registered.component
        path = f"{API}/plugins/{registered.plugin}/{route.path.strip('/')}"
        handler = plugins.route_handler(registered)
        by_plugin.setdefault(registered.plugin, []).append(Endpoint(route.method.upper(), path, handler))
    for plugin, endpoints in by_plugin.items():
        try:
            add_endpoints(app, endpoints)
        except (ValueError, RuntimeError) as error:
            log.error("routes of plugin %s are left out: %s", plugin, error, extra={"plugin": plugin})
            services.route_failed(plugin)
