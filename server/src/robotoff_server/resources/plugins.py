"""``/plugins``: what is installed, and what became of it; and the routes that plugins bring themselves.

The listing is public: states, classes of reasons, next steps, never settings, paths or error texts.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from robotoff_core.plugins.records import PluginRecord

from ..errors import ApiError, http_title, not_found
from ..serialize import json_response
from ..services import SERVICES

if TYPE_CHECKING:
    from robotoff_core.plugins.contributions import Route
    from robotoff_core.runtime import Runtime

__all__ = ["current_records", "listing", "one", "route_handler"]

log = logging.getLogger("robotoff.server.plugins")


def current_records(runtime: "Runtime") -> list[PluginRecord]:
    """The records of all plugins, with the components that are tripped now, in whichever process that happened."""
    try:
        return list(runtime.plugin_records())
    except Exception:
        log.warning("what is tripped cannot be read; the plugins are shown as they were loaded", exc_info=True)
        return list(runtime.registry.records)


async def listing(request: web.Request) -> web.Response:
    """``GET /plugins``."""
    services = request.app[SERVICES]
    records = await services.call(current_records, services.runtime)
    return json_response({"plugins": [record.public() for record in records]})


async def one(request: web.Request) -> web.Response:
    """``GET /plugins/{slug}``."""
    services = request.app[SERVICES]
    for record in await services.call(current_records, services.runtime):
        if record.slug == request.match_info["slug"]:
            return json_response(record.public())
    raise not_found()


def route_handler(plugin: str, route: "Route") -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler for a plugin's *route*: in a thread, under the deadline; what fails there is its own 500."""

    async def handle(request: web.Request) -> web.Response:
        services = request.app[SERVICES]
        parameters = await services.parameters(request)
        query = {**parameters.last_values(), **request.match_info}
        try:
            data: Any = await services.plugin_threads.call(plugin, route.handler, query)
            return json_response(data)
        except ApiError:
            raise
        except TimeoutError:
            log.warning("route of plugin hangs", extra={"plugin": plugin, "route": route.path})
            raise ApiError(
                504, http_title(504), f"Plugin {plugin} did not answer within {services.plugin_threads.deadline:g} s."
            ) from None
        except Exception as error:
            log.exception("route of plugin failed", extra={"plugin": plugin, "route": route.path})
            services.route_failed(plugin)
            raise ApiError(500, http_title(500), f"Plugin {plugin} failed: {type(error).__name__}.") from None

    return handle
