"""The one error of this package."""

__all__ = ["OcrError"]


class OcrError(ValueError):
    """An OCR document that cannot be used.

    ``message`` says what is wrong, ``where`` the JSON path ("$.responses[0].fullTextAnnotation"; "byte 12" for what is
    no UTF-8 or no JSON), ``source`` the file or URL it came from ("" when unknown).
    """

    def __init__(self, message: str, where: str = "", source: str = "") -> None:
        super().__init__(message, where, source)
        self.message = message
        self.where = where
        self.source = source

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.where, self.message) if part)
