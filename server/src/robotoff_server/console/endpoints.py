"""Endpoints of the start page: its files, the products it shows, their drawn pictures, and what was written to them.

Everything else the page takes from the public API, like any other client. Its files carry a strict content security
policy: no inline script, nothing from elsewhere but product photos.
"""

import mimetypes
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from robotoff_core.model.ids import ProductId, normalize_barcode

from ..errors import not_found
from ..routing import Endpoint
from ..serialize import json_response, naive
from ..services import SERVICES

if TYPE_CHECKING:
    from robotoff_core.model.products import Product
    from robotoff_core.runtime import Runtime

__all__ = ["endpoints"]

FILES = ("app.js", "api.js", "dom.js", "picture.js", "style.css", "icon.svg")
DEMO_ACCOUNT = "demo"
MAX_PRODUCTS = 60
MAX_EDITS = 50
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def endpoints() -> list[Endpoint]:
    """The page's routes; the files are a fixed list, so that no path can lead elsewhere."""
    table = [
        ("/", page),
        ("/favicon.ico", icon),
        ("/console/api/overview", overview),
        ("/console/api/pictures/{barcode}/{image_id}", drawn),
        ("/console/api/edits", edits),
        ("/console/{file}", file),
    ]
    return [Endpoint("GET", path, handler) for path, handler in table]


async def page(request: web.Request) -> web.Response:  # noqa: ARG001
    """``GET /``."""
    return _served("index.html")


async def icon(request: web.Request) -> web.Response:  # noqa: ARG001
    """``GET /favicon.ico``, which browsers ask for unasked."""
    return _served("icon.svg")


async def file(request: web.Request) -> web.Response:
    """``GET /console/{file}``."""
    name = request.match_info["file"]
    if name not in FILES:
        raise not_found()
    return _served(name)


async def overview(request: web.Request) -> web.Response:
    """What the page shows first: the products, and whether the demonstration's account can answer."""
    services = request.app[SERVICES]
    runtime = services.runtime
    products = await services.call(_products, runtime)
    return json_response(
        {
            "products": products,
            "account": DEMO_ACCOUNT if DEMO_ACCOUNT in runtime.config.accounts else None,
            "votes_needed": runtime.config.answers.votes_needed,
        }
    )


async def drawn(request: web.Request) -> web.Response:
    """A drawn picture of the demonstration, as SVG. It is shown as an image, where nothing in it could be run."""
    services = request.app[SERVICES]
    barcode = normalize_barcode(request.match_info["barcode"])
    svg = await services.call(_drawn, barcode, request.match_info["image_id"])
    if svg is None:
        raise not_found()
    headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'", "Cache-Control": "max-age=3600"}
    return web.Response(text=svg, content_type="image/svg+xml", headers=headers)


async def edits(request: web.Request) -> web.Response:
    """What was written to products, newest first, as the recording product file tells."""
    services = request.app[SERVICES]
    return json_response({"edits": await services.call(_edits, services.runtime)})


def _products(runtime: "Runtime") -> list[dict[str, Any]]:
    from robotoff_core.products.recording import RecordingProducts

    source = runtime.products
    if not isinstance(source, RecordingProducts):
        return []
    found = source.get(source.ids(MAX_PRODUCTS))
    return [_product(product) for _, product in sorted(found.items(), key=lambda item: item[0].barcode)]


def _product(product: "Product") -> dict[str, Any]:
    return {
        "barcode": product.id.barcode,
        "server_type": product.id.server_type,
        "name": product.text("product_name") or product.id.barcode,
        "brands": product.text("brands"),
        "quantity": product.text("quantity"),
        "lang": product.text("lang"),
        "images": _images(product),
    }


def _edits(runtime: "Runtime") -> list[dict[str, Any]]:
    from robotoff_core.products.recording import RecordingProducts

    source = runtime.products
    if not isinstance(source, RecordingProducts):
        return []
    recorded = source.edits(limit=MAX_EDITS)
    products = source.get({edit.product for edit in recorded})
    return [
        {
            "at": naive(edit.at),
            "barcode": edit.product.barcode,
            "server_type": edit.product.server_type,
            "product_name": _name(products.get(edit.product), edit.product),
            "edit": dict(edit.edit),
            "comment": edit.comment,
        }
        for edit in recorded
    ]


def _name(product: "Product | None", product_id: ProductId) -> str:
    return (product.text("product_name") if product is not None else "") or product_id.barcode


@lru_cache(maxsize=64)
def _drawn(barcode: str, image_id: str) -> str | None:
    from robotoff_core.demo import drawing

    return drawing(barcode, image_id)


@lru_cache(maxsize=1)
def _sizes() -> dict[tuple[str, str], tuple[int, int]]:
    """Width and height in pixels of the demonstration's drawn pictures, by barcode and image id."""
    from robotoff_core.demo import demo_products

    return {(product.code, image.id): image.size for product in demo_products() for image in product.images}


def _images(product: "Product") -> list[dict[str, Any]]:
    """The pictures of *product* that can be shown here, the first ones first."""
    sizes = _sizes()
    numbers = sorted(product.raw_images, key=int)
    return [
        {
            "id": number,
            "src": f"/console/api/pictures/{product.id.barcode}/{number}",
            "width": sizes[product.id.barcode, number][0],
            "height": sizes[product.id.barcode, number][1],
        }
        for number in numbers
        if (product.id.barcode, number) in sizes
    ]


def _served(name: str) -> web.Response:
    kind, _ = mimetypes.guess_type(name)
    return web.Response(
        body=_content(name), content_type=kind or "application/octet-stream", charset="utf-8", headers=HEADERS
    )


@lru_cache(maxsize=16)
def _content(name: str) -> bytes:
    """A file of the page, read once: a few kilobytes each."""
    return resources.files(__package__).joinpath(name).read_bytes()
