"""OCR documents of images, kept beside the database so that jobs carry a path and never a document."""

import gzip
from pathlib import Path
from uuid import uuid4

from .model.ids import ProductId

__all__ = ["Documents", "MissingDocumentError"]


class MissingDocumentError(Exception):
    """There is no OCR document for an image."""


class Documents:
    """A folder of gzipped OCR files, laid out as the image server's paths: ``off/327/408/000/5003/3.json.gz``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, product: ProductId, source_image: str, document: bytes) -> None:
        """Keep *document* (OCR JSON) for an image, whole or not at all."""
        path = self._path(product, source_image)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            made.write_bytes(gzip.compress(document, compresslevel=6, mtime=0))
            made.replace(path)
        except OSError:
            made.unlink(missing_ok=True)
            raise

    def get(self, product: ProductId, source_image: str) -> bytes:
        """The OCR JSON of an image. Raises :class:`MissingDocumentError`."""
        try:
            return gzip.decompress(self._path(product, source_image).read_bytes())
        except FileNotFoundError:
            raise MissingDocumentError(f"no OCR document for {source_image} of {product}") from None

    def _path(self, product: ProductId, source_image: str) -> Path:
        parts = [part for part in source_image.split("/") if part]
        if not parts or any(part in (".", "..") for part in parts):
            raise ValueError(f"{source_image!r} is not an image path")
        return self._folder.joinpath(product.server_type, *parts).with_suffix(".json.gz")
