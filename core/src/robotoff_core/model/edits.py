"""Edits: what an accepted insight changes on the product. Plain data; the writer knows how to send each kind."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import asdict, field, frozen

from .products import Product

__all__ = ["AddTag", "Edit", "SetField", "dump_edit", "load_edit"]


@frozen
class Edit:
    """Base of all edits. ``action`` is the human part of the edit comment: ``Adding label tag 'en:organic'``."""

    kind: ClassVar[str] = ""
    action: str = field(kw_only=True)

    def present_in(self, product: Product) -> bool:
        """Whether the product already shows this edit's effect, so that sending it again would change nothing."""
        raise TypeError(f"{type(self).__name__} does not say how its effect is recognised")


@frozen
class AddTag(Edit):
    """Add *value* to a list-like field, leaving what is there: ``AddTag("labels", "en:organic", action=...)``.

    ``field`` is Product Opener's field name; the tags are read from ``{field}_tags``. ``tag`` is the value as it will
    stand among the tags when it differs from ``value`` (a brand's name and its tag).
    """

    kind: ClassVar[str] = "add_tag"
    field: str
    value: str
    tag: str | None = None

    def present_in(self, product: Product) -> bool:
        """Whether the tag stands in ``{field}_tags``."""
        return (self.tag or self.value) in product.tags(f"{self.field}_tags")


@frozen
class SetField(Edit):
    """Set a text field to *value*: ``SetField("quantity", "500 g", action=...)``."""

    kind: ClassVar[str] = "set_field"
    field: str
    value: str

    def present_in(self, product: Product) -> bool:
        """Whether the field holds exactly the value."""
        return product.text(self.field) == self.value


_KINDS: dict[str, type[Edit]] = {kind.kind: kind for kind in (AddTag, SetField)}


def dump_edit(edit: Edit) -> dict[str, Any]:
    """The edit as JSON data, with its ``kind``."""
    return {"kind": edit.kind, **asdict(edit)}


def load_edit(data: Mapping[str, Any]) -> Edit:
    """The edit that :func:`dump_edit` wrote. Raises :class:`ValueError` for a kind this version does not know."""
    fields = dict(data)
    kind = fields.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"unknown kind of edit {kind!r}; this process knows {', '.join(sorted(_KINDS))}")
    return _KINDS[kind](**fields)
