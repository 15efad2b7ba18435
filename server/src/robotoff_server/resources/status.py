"""``/status``: this process answers. ``/robots.txt``: an API is nothing for search engines."""

from aiohttp import web

from ..serialize import json_response

__all__ = ["robots", "status"]


async def status(request: web.Request) -> web.Response:  # noqa: ARG001
    """``GET /status``."""
    return json_response({"status": "running"})


async def robots(request: web.Request) -> web.Response:  # noqa: ARG001
    """``GET /robots.txt``."""
    return web.Response(text="User-agent: *\nDisallow: /", content_type="text/plain", charset="utf-8")
