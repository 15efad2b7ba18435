"""The one middleware chain: request id and log line, CORS and ``OPTIONS``, errors as JSON.

Every response passes here, also those of addresses that do not exist and of handlers that crash.
"""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from robotoff_core.jobs.host import HostError

from .errors import ApiError, http_title
from .logs import request_id
from .serialize import json_response

__all__ = ["MIDDLEWARES", "SILENT", "STOPPING"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger("robotoff.server")
REQUEST_ID = "X-Request-ID"
USABLE_ID = re.compile(r"[\w.:-]{1,64}\Z")
MAX_AGE = "86400"
SILENT: web.AppKey[set[int]] = web.AppKey("silent", set)
"""The connections (``id`` of their protocol) that have sent no request yet: they are closed after a while."""
STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)
"""Set when the server stops."""


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id (or keep a proxy's), answer with it, and log one line when it is done."""
    request.app[SILENT].discard(id(request.protocol))
    given = request.headers.get(REQUEST_ID, "")
    current = given if USABLE_ID.match(given) else uuid.uuid4().hex
    token = request_id.set(current)
    started = time.perf_counter()
    status = 499  # the client went away before there was an answer
    try:
        response = await handler(request)
        status = response.status
        response.headers[REQUEST_ID] = current
        if STOPPING in request.app and request.app[STOPPING].is_set():
            response.force_close()  # says so: a proxy must not send its next request on this connection
        return response
    finally:
        log.info(
            "%s %s %d",
            request.method,
            request.path,
            status,
            extra={
                "method": request.method,
                "path": request.path,
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )
        request_id.reset(token)


@web.middleware
async def cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Echo the caller's origin: clients of other sites send credentials, for which ``*`` is not allowed."""
    response = await _options(request) if request.method == "OPTIONS" else await handler(request)
    response.headers.add("Vary", "Origin")
    if origin := request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into the contract's JSON."""
    try:
        return await handler(request)
    except ApiError as error:
        return _error(error.status, error.title, error.description, error.headers)
    except web.HTTPMethodNotAllowed as error:
        return _error(405, http_title(405), None, {"Allow": _listed(error.allowed_methods)})
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _error(error.status, http_title(error.status), None)
    except HostError:
        log.exception("the process of the plugins' components does not work")
        return _error(503, http_title(503), "Plugins cannot be asked just now.", {"Retry-After": "5"})
    except ConnectionError:
        raise  # the client went away: there is nobody to answer
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return _error(500, http_title(500), None)


MIDDLEWARES = (observe, cross_origin, errors)


async def _options(request: web.Request) -> web.StreamResponse:
    """``OPTIONS``: which methods an address knows; as a CORS preflight, that and what else the browser asks."""
    refusal = request.match_info.http_exception
    if not isinstance(refusal, web.HTTPMethodNotAllowed):
        return _error(404, http_title(404), None)
    if "Access-Control-Request-Method" not in request.headers:
        return web.Response(headers={"Allow": _listed(refusal.allowed_methods)})
    return web.Response(
        headers={
            "Access-Control-Allow-Methods": _listed(refusal.allowed_methods - {"HEAD"}),
            "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "*"),
            "Access-Control-Max-Age": MAX_AGE,
        }
    )


def _listed(methods: set[str]) -> str:
    return ", ".join(sorted(methods))


def _error(status: int, title: str, description: str | None, headers: dict[str, str] | None = None) -> web.Response:
    body = {"title": title} if description is None else {"title": title, "description": description}
    return json_response(body, status, {**(headers or {}), "Vary": "Accept"})
