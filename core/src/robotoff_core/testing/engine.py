"""Pieces of the engine, for tests that run a plugin's components as core does. Unlike ``robotoff_core.api`` they may
change from version to version; a test that only needs documents, taxonomies or predictions uses the fixtures."""

from ..config import load_config
from ..demo import iter_images, iter_products
from ..engine.reconcile import reconcile
from ..engine.runner import Runner
from ..plugins.records import State
from ..plugins.registry import Registry, load_plugins
from ..taxonomy import Taxonomies
from ..text.lexicon import LexiconIndex

__all__ = [
    "LexiconIndex",
    "Registry",
    "Runner",
    "State",
    "Taxonomies",
    "iter_images",
    "iter_products",
    "load_config",
    "load_plugins",
    "reconcile",
]
