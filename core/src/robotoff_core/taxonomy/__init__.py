"""Taxonomies: the multilingual trees of Open Food Facts, looked up by id, name or synonym."""

from .taxonomy import Taxonomy

__all__ = ["Taxonomy"]
