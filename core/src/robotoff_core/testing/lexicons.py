"""The shared matcher, for tests that bind a document by themselves: ``document.bind(LexiconIndex(lexicons))``."""

from ..text.lexicon import LexiconIndex

__all__ = ["LexiconIndex"]
