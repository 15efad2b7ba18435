"""A product as plugins see it: the fields of Product Opener's document, read-only, with typed access."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen

from .ids import ProductId

__all__ = ["Product", "RawImage"]


@frozen
class RawImage:
    """An uploaded image of a product: ``id`` is a number as text ("3"), sizes in pixels of the full image."""

    id: str
    width: int | None
    height: int | None
    uploaded_t: int | None


@frozen
class Product:
    """One product document. Missing fields read as empty, so that plugins need no guards.

    ``images`` of both layouts that Product Opener knows are understood: the flat one (``{"1": ..., "front_fr":
    ...}``) and the nested one (``{"uploaded": {...}, "selected": {"front": {"fr": ...}}}``).
    """

    id: ProductId
    fields: Mapping[str, Any] = field(factory=dict)

    def text(self, name: str) -> str:
        """The text field *name*, stripped; ``""`` when absent or not a text."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def tags(self, name: str) -> tuple[str, ...]:
        """The list field *name* (``labels_tags``, ...); ``()`` when absent."""
        value = self.fields.get(name)
        return tuple(value) if isinstance(value, list | tuple) else ()

    @property
    def popularity(self) -> int:
        """How often the product is scanned (``unique_scans_n``), 0 when unknown."""
        value = self.fields.get("unique_scans_n")
        return value if isinstance(value, int) else 0

    @cached_property
    def raw_images(self) -> dict[str, RawImage]:
        """The uploaded images by id."""
        images = self.fields.get("images") or {}
        uploaded = images["uploaded"] if isinstance(images.get("uploaded"), Mapping) else images
        return {key: _raw_image(key, entry) for key, entry in uploaded.items() if key.isdigit()}

    @cached_property
    def selected_images(self) -> dict[str, Mapping[str, Any]]:
        """The selected images by key (``front_fr``): each with at least ``imgid`` and ``rev`` when known."""
        images = self.fields.get("images") or {}
        selected = images.get("selected")
        if isinstance(selected, Mapping):
            return {f"{kind}_{lang}": entry for kind, by_lang in selected.items() for lang, entry in by_lang.items()}
        return {key: entry for key, entry in images.items() if "_" in key and isinstance(entry, Mapping)}


def _raw_image(key: str, entry: Any) -> RawImage:
    entry = entry if isinstance(entry, Mapping) else {}
    full = (entry.get("sizes") or {}).get("full") or {}
    uploaded_t = entry.get("uploaded_t")
    try:
        uploaded = int(uploaded_t) if uploaded_t is not None else None
    except (TypeError, ValueError):
        uploaded = None  # PO has stored words here; the time is only informative
    return RawImage(key, full.get("w"), full.get("h"), uploaded)
