"""Reading the demo's product files."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from attrs import frozen

from ..testing.ocr import TextBlock, label_ocr, ocr_bytes

__all__ = ["DemoImage", "DemoLogo", "DemoProduct", "demo_products"]

_UPLOADED = 1_767_225_600
"""When the first picture was "uploaded": the start of 2026, in seconds; each further one follows a minute later."""


@frozen
class DemoLogo:
    """A logo that a drawing shows as a rounded field with its name; place and size in pixels of the upright page."""

    text: str
    left: float
    top: float
    width: float
    height: float
    color: str


@frozen
class DemoImage:
    """One picture of a product: what stands on it, and how it was held (``rotation`` and ``tilt`` as in the OCR kit).

    ``selected`` names the kind of picture it is used as ("front", "ingredients", "nutrition").
    """

    id: str
    selected: str
    lang: str
    blocks: tuple[TextBlock, ...]
    logos: tuple[DemoLogo, ...]
    page_width: int
    page_height: int
    rotation: int
    tilt: float
    background: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels, as it was taken."""
        page = (self.page_width, self.page_height)
        return page[::-1] if self.rotation in (90, 270) else page

    def ocr(self) -> bytes:
        """The picture's OCR result, as the bytes of a Vision file."""
        document = label_ocr(
            [*self.blocks, *(_logo_text(logo) for logo in self.logos)],
            width=self.page_width,
            height=self.page_height,
            lang=self.lang,
            rotation=self.rotation,
            tilt=self.tilt,
        )
        return ocr_bytes(document)


@frozen
class DemoProduct:
    """One product of the corpus."""

    code: str
    fields: Mapping[str, Any]
    images: tuple[DemoImage, ...]

    def document(self) -> dict[str, Any]:
        """The product in Product Opener's form."""
        lang = self.fields["lang"]
        images: dict[str, Any] = {}
        for number, image in enumerate(self.images):
            sizes = _sizes(*image.size)
            images[image.id] = {"uploader": "demo", "uploaded_t": _UPLOADED + 60 * number, "sizes": sizes}
            images[f"{image.selected}_{lang}"] = {
                "imgid": image.id,
                "rev": str(number + 2),
                "angle": "0",
                "geometry": "0x0--1--1",
                **dict.fromkeys(("x1", "y1", "x2", "y2"), "-1"),
                "sizes": sizes,
            }
        return {
            "code": self.code,
            "_id": self.code,
            "product_type": "food",
            "lang": lang,
            "lc": lang,
            "quantity": "",
            "labels_tags": [],
            **self.fields,
            f"product_name_{lang}": self.fields["product_name"],
            "images": images,
        }


@cache
def demo_products() -> tuple[DemoProduct, ...]:
    """All products, by barcode; read at the first call.

    Raises :class:`ValueError` naming the file and key when a product file is incomplete.
    """
    folder = files(__package__) / "products"
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name
    )
    return tuple(
        _product(entry.name.removesuffix(".toml"), tomllib.loads(entry.read_text("utf-8"))) for entry in entries
    )


def _product(code: str, table: dict[str, Any]) -> DemoProduct:
    pictures = table.pop("images", [])
    for key in ("product_name", "lang", "brands"):
        if key not in table:
            raise ValueError(f"demo/products/{code}.toml: key {key!r} is missing")
    if not pictures:
        raise ValueError(f"demo/products/{code}.toml: a product needs at least one [[images]]")
    table["brands_tags"] = [_tag(table["brands"])]
    images = tuple(_image(str(number), table["lang"], picture) for number, picture in enumerate(pictures, start=1))
    return DemoProduct(code, table, images)


def _image(number: str, lang: str, table: dict[str, Any]) -> DemoImage:
    return DemoImage(
        id=number,
        selected=table["selected"],
        lang=lang,
        blocks=tuple(TextBlock(**block) for block in table["blocks"]),
        logos=tuple(DemoLogo(**logo) for logo in table.get("logos", ())),
        page_width=table.get("width", 900),
        page_height=table.get("height", 1200),
        rotation=table.get("rotation", 0),
        tilt=table.get("tilt", 0.0),
        background=table.get("background", "#ffffff"),
    )


def _logo_text(logo: DemoLogo) -> TextBlock:
    size = logo.height * 0.5
    return TextBlock(logo.text, left=logo.left + logo.width * 0.25, top=logo.top + logo.height * 0.25, size=size)


def _sizes(width: int, height: int) -> dict[str, dict[str, int]]:
    sizes = {"full": {"w": width, "h": height}}
    for limit in (400, 100):
        scale = limit / max(width, height)
        sizes[str(limit)] = {"w": round(width * scale), "h": round(height * scale)}
    return sizes


def _tag(name: str) -> str:
    from ..text.tags import tag_from_text

    return tag_from_text(name)
