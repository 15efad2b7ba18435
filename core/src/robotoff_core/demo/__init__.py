"""The demo corpus: invented products with labels in French, English, German, Spanish, Italian and Polish.

Each product is one file in ``products``: its record and what stands on its pictures, block by block. The OCR documents
are laid out from it (:mod:`robotoff_core.testing.ocr`) and so are the drawn pictures: boxes and drawings agree. Names
are invented; the barcodes lie in the range 952, which GS1 keeps for examples.
"""

from collections.abc import Iterator
from typing import Any

from .drawing import draw
from .loader import DemoImage, DemoLogo, DemoProduct, demo_products

__all__ = ["DemoImage", "DemoLogo", "DemoProduct", "demo_products", "drawing", "iter_images", "iter_products"]


def iter_products() -> Iterator[dict[str, Any]]:
    """The products as Product Opener documents, ``images`` in its flat layout, without a quantity."""
    for product in demo_products():
        yield product.document()


def iter_images() -> Iterator[tuple[str, str, int, int, bytes]]:
    """Every picture: barcode, image id, width and height in pixels, and its OCR result as a Vision file's bytes."""
    for product in demo_products():
        for image in product.images:
            width, height = image.size
            yield product.code, image.id, width, height, image.ocr()


def drawing(barcode: str, image_id: str) -> str | None:
    """The picture as SVG, or ``None`` for one that the corpus does not hold. It shows what the OCR document says."""
    for product in demo_products():
        if product.code == barcode:
            for image in product.images:
                if image.id == image_id:
                    return draw(image)
    return None
