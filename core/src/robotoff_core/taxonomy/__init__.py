"""Taxonomies: the multilingual trees of Open Food Facts, looked up by id, name or synonym."""

from typing import TYPE_CHECKING, Any

from .taxonomy import Taxonomy

if TYPE_CHECKING:
    from .taxonomies import Refreshed, Taxonomies, TaxonomyError, TaxonomyState

__all__ = ["Refreshed", "Taxonomies", "Taxonomy", "TaxonomyError", "TaxonomyState"]


def __getattr__(name: str) -> Any:
    """Plugins import this package for :class:`Taxonomy`; what loads and downloads is imported when asked for."""
    if name in __all__:
        from . import taxonomies

        return getattr(taxonomies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
