"""Text: OCR documents and their variants, lexicons and the shared matcher, tags.

Importing this package is cheap; the decoder, the automaton and the fold table are loaded at the first document.
"""

from .document import OcrDocument
from .errors import OcrError

__all__ = ["OcrDocument", "OcrError"]
