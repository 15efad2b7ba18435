"""``/plugins``: what is installed, and what became of it; and the routes that plugins bring themselves.

The listing is public: states, classes of reasons, next steps, never settings, paths or error texts.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from robotoff_core.engine.runner import Failure
from robotoff_core.plugins.records import PluginRecord

from ..errors import ApiError, http_title, not_found
from ..serialize import json_response
from ..services import SERVICES

if TYPE_CHECKING:
    from robotoff_core.plugins.contributions import Route
    from robotoff_core.plugins.records import Registered
    from robotoff_core.runtime import Runtime

__all__ = ["current_records", "listing", "one", "route_handler"]

log = logging.getLogger("robotoff.server.plugins")
PROCESS_START = 15.0
"""Seconds that the process of the routes may take to start, beyond the deadline of the call itself."""


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


def route_handler(registered: "Registered[Route]") -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler for a plugin's route: under a deadline, where it can be stopped; what fails there is its own 5xx."""
    plugin, name = registered.plugin, registered.name

    async def handle(request: web.Request) -> web.Response:
        services = request.app[SERVICES]
        parameters = await services.parameters(request)
        query = {**parameters.last_values(), **request.match_info}
        # The components' process enforces their deadline; ours is for a plugin that runs in this one.
        deadline = services.runtime.config.jobs.call_deadline + PROCESS_START
        try:
            result = await services.plugin_threads.call(plugin, services.route, name, query, deadline=deadline)
            response = None if isinstance(result, Failure) else json_response(result)
        except TimeoutError:
            result, response = Failure(name, plugin, "deadline", "no answer"), None
        except ApiError:
            raise
        except Exception as error:
            log.exception("route of plugin cannot be called", extra={"plugin": plugin, "route": name})
            result, response = Failure(name, plugin, "raised", type(error).__name__), None
        if response is not None:
            return response
        services.route_failed(plugin)
        log.warning("route failed", extra={"plugin": plugin, "route": name, "kind": result.kind, "why": result.reason})
        raise _refusal(plugin, result)

    return handle


def _refusal(plugin: str, failure: Failure) -> ApiError:
    """The error that a client sees: of the reason only the class, since its text may quote settings and paths."""
    if failure.kind == "tripped":
        return ApiError(503, http_title(503), f"This route of plugin {plugin} was left out after failures.")
    if failure.kind == "deadline":
        return ApiError(504, http_title(504), f"Plugin {plugin} did not answer in time.")
    return ApiError(500, http_title(500), f"Plugin {plugin} failed: {failure.reason.partition(':')[0]}.")
