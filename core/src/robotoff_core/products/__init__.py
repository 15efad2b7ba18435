"""Where products are read and edits are written: two small seams, and what can go wrong at them."""

from collections.abc import Collection
from typing import Protocol

from ..model.edits import Edit
from ..model.ids import ProductId
from ..model.products import Product

__all__ = [
    "NoProducts",
    "ProductSource",
    "ProductSourceError",
    "ProductWriter",
    "WriteFailedError",
    "WriteRefusedError",
    "WriteUnknownError",
]


class ProductSourceError(Exception):
    """The product source could not be asked; try again later."""


class WriteRefusedError(Exception):
    """The server answered and said no for good (HTTP 4xx): sending again is pointless."""


class WriteFailedError(Exception):
    """The server answered that it failed, or was not there (HTTP 5xx, connection refused): nothing was written."""


class WriteUnknownError(Exception):
    """No answer in time, or the connection broke: the edit may or may not have taken effect."""


class ProductSource(Protocol):
    """Reads products. ``authoritative``: whether a product it does not know is a deleted one."""

    authoritative: bool

    def get(self, ids: Collection[ProductId]) -> dict[ProductId, Product]:
        """The products among *ids* that exist, in one call. Raises :class:`ProductSourceError`."""
        ...


class ProductWriter(Protocol):
    """Sends one edit to the server that owns the products."""

    def send(self, product: ProductId, edit: Edit, comment: str, timeout: float) -> None:
        """Send *edit* with its *comment*, within *timeout* seconds.

        Raises :class:`WriteRefusedError`, :class:`WriteFailedError` or :class:`WriteUnknownError`.
        """
        ...


class NoProducts:
    """No product source at all: every product is unknown, checks against products are skipped, edits are refused."""

    authoritative = False

    def get(self, ids: Collection[ProductId]) -> dict[ProductId, Product]:
        """Nothing."""
        return {}

    def send(self, product: ProductId, edit: Edit, comment: str, timeout: float) -> None:
        """Refuse. Raises :class:`WriteRefusedError`."""
        raise WriteRefusedError("this deployment has no product server (products.file is empty)")
