"""Identities: server types, barcodes, products and the image paths derived from them.

Rules of paths and barcodes: the engine specification's section G.1, shared with Product Opener.
"""

import re

from attrs import frozen

__all__ = [
    "SERVER_TYPES",
    "ProductId",
    "ServerType",
    "image_folder",
    "image_number",
    "is_reserved_barcode",
    "normalize_barcode",
    "parse_source_image",
    "server_type",
    "source_image",
]


@frozen
class ServerType:
    """One of the sibling projects.

    ``name`` is the only spelling we store and accept; ``value`` is Product Opener's database name, ``product_type``
    its name in events (``None``: never in events), ``domain`` the base domain without the top-level part.
    """

    name: str
    value: str
    product_type: str | None
    domain: str
    food: bool


SERVER_TYPES: dict[str, ServerType] = {
    row.name: row
    for row in (
        ServerType("off", "off", "food", "openfoodfacts", True),
        ServerType("obf", "obf", "beauty", "openbeautyfacts", False),
        ServerType("opff", "opff", "petfood", "openpetfoodfacts", False),
        ServerType("opf", "opf", "product", "openproductsfacts", False),
        ServerType("off_pro", "off-pro", None, "pro.openfoodfacts", True),
    )
}


def server_type(name: str) -> ServerType:
    """The server type called *name*.

    Raises :class:`ValueError` naming the value and the accepted ones.
    """
    try:
        return SERVER_TYPES[name]
    except KeyError:
        raise ValueError(f"invalid `server_type`: {name} (one of {', '.join(SERVER_TYPES)})") from None


@frozen
class ProductId:
    """A product of one server type. On the producers' platform the barcode is ``{org_id}/{barcode}``."""

    barcode: str
    server_type: str = "off"

    def __str__(self) -> str:
        return f"{self.server_type}:{self.barcode}"


def normalize_barcode(barcode: str) -> str:
    """Strip leading zeros, pad to 8 digits, and to 13 when longer than 8; an organisation prefix is kept.

    >>> normalize_barcode("036000291452")
    '0036000291452'
    >>> normalize_barcode("1")
    '00000001'
    """
    org, slash, code = barcode.rpartition("/")
    code = code.lstrip("0").rjust(8, "0")
    if len(code) > 8:
        code = code.rjust(13, "0")
    return f"{org}{slash}{code}"


def image_folder(barcode: str) -> str:
    """The folder of a product's images below the image root, with a slash at both ends.

    >>> image_folder("3274080005003")
    '/327/408/000/5003/'
    >>> image_folder("org-x/3307130803004")
    '/org-x/330/713/080/3004/'

    Raises :class:`ValueError` when the barcode is not made of digits.
    """
    org, slash, code = barcode.rpartition("/")
    if not (code.isascii() and code.isdigit()):
        raise ValueError(f"barcode {barcode!r} is not made of digits, so it has no image folder")
    code = code.lstrip("0").rjust(13, "0")
    prefix = f"/{org}" if slash else ""
    return f"{prefix}/{code[:3]}/{code[3:6]}/{code[6:9]}/{code[9:]}/"


def source_image(barcode: str, image_id: str) -> str:
    """The server path of a raw image, which is also the image's identity: ``/327/408/000/5003/3.jpg``."""
    return f"{image_folder(barcode)}{image_id}.jpg"


_SOURCE_IMAGE = re.compile(
    r"^/(?:(?P<org>[^/]*\D[^/]*)/)?(?P<code>\d{3}/\d{3}/\d{3}/\d+)/(?P<image>[^/]+)\.(?:jpg|json)$"
)


def parse_source_image(path: str) -> tuple[str, str]:
    """The (normalised barcode, image id) that an image or OCR path names; the inverse of :func:`source_image`.

    Raises :class:`ValueError` when the path has another shape.
    """
    found = _SOURCE_IMAGE.match(path)
    if found is None:
        raise ValueError(f"{path!r} is not an image path such as /327/408/000/5003/3.jpg")
    code = found["code"].replace("/", "")
    barcode = f"{found['org']}/{code}" if found["org"] else code
    return normalize_barcode(barcode), found["image"]


def image_number(path: str | None) -> int | None:
    """The number of a raw image from its path (higher is newer), or ``None`` for no image or a selected one."""
    if path is None:
        return None
    stem = path.rpartition("/")[2].partition(".")[0]
    return int(stem) if stem.isascii() and stem.isdigit() else None


def is_reserved_barcode(barcode: str) -> bool:
    """Whether the barcode is a variable-weight or in-store one: it starts with 2 after at most one leading zero."""
    code = barcode.rpartition("/")[2]
    return code.removeprefix("0").startswith("2")
