"""Where exactly a refused OCR document is wrong: the slow and precise way, taken only after decoding has failed."""

import re
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from .errors import OcrError
from .vision import BoundingPoly, Page, Response, Word

__all__ = ["convert", "first_response", "malformed_polygon"]

_TEXT = "$.responses[0].fullTextAnnotation"
_BYTE = re.compile(r" ?\(byte (\d+)\)")


def first_response(data: bytes, error: Exception) -> Response:
    """Find the place that made decoding fail and raise :class:`OcrError` there.

    Only the first response counts: when just a later one is malformed, the first is returned.
    """
    try:
        data.decode()
    except UnicodeDecodeError as bad:
        raise OcrError(f"not UTF-8: {bad.reason}", f"byte {bad.start}") from None
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as bad:
        found = _BYTE.search(str(bad))
        place = f"byte {found[1] if found else len(data)}"
        reason = _BYTE.sub("", str(bad)).removeprefix("JSON is malformed: ").lower()
        raise OcrError(f"not JSON: {reason}", place) from None
    return convert(document, error)


def convert(document: Any, error: Exception | None = None) -> Response:
    """The first response of decoded JSON. Raises :class:`OcrError` with the path of the first thing that is wrong."""
    responses = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(responses, list):
        found = "missing" if responses is None else f"not {_kind(responses)}"
        raise OcrError(f"list expected, {found}", "$.responses" if isinstance(document, dict) else "$")
    if not responses:
        raise OcrError("empty response", "$.responses")
    first = responses[0]
    if isinstance(first, dict) and first.get("error") is not None:
        raise OcrError(f"the OCR service reported an error: {first['error']}", "$.responses[0].error")
    try:
        _check(first, Response, "$.responses[0]")
        return msgspec.json.decode(msgspec.json.encode(first), type=Response)
    except (msgspec.ValidationError, RecursionError, TypeError) as bad:
        raise OcrError(str(error or bad), "$.responses[0]") from None


def malformed_polygon(word: Word, pages: list[Page], error: Exception) -> OcrError:
    """The error of *word*, one of *pages*, whose polygon could not be read."""
    path = next(
        (
            f"{_TEXT}.pages[{p}].blocks[{b}].paragraphs[{q}].words[{w}].boundingBox"
            for p, page in enumerate(pages)
            for b, block in enumerate(page.blocks)
            for q, paragraph in enumerate(block.paragraphs)
            for w, one in enumerate(paragraph.words)
            if one is word
        ),
        _TEXT,
    )
    try:
        _check(msgspec.json.decode(word.bounding_box), BoundingPoly, path)
    except OcrError as found:
        return found
    return OcrError(str(error), path)


def _check(value: Any, kind: Any, path: str) -> None:
    """Raise at the first place below *value* that is not of *kind*, in document order of the fields we read."""
    if get_origin(kind) in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return
        kinds = [arg for arg in get_args(kind) if arg is not NoneType]
        if len(kinds) == 1:
            _check(value, kinds[0], path)
            return
    if kind is msgspec.Raw:
        return  # read when somebody asks for it
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(value, dict):
            raise OcrError(f"object expected, not {_kind(value)}", path)
        for field in msgspec.structs.fields(kind):
            if field.encode_name in value:
                _check(value[field.encode_name], field.type, f"{path}.{field.encode_name}")
            elif field.required:
                raise OcrError(f"required key {field.encode_name!r} is missing", path)
    elif get_origin(kind) is list:
        if not isinstance(value, list):
            raise OcrError(f"list expected, not {_kind(value)}", path)
        (item,) = get_args(kind)
        for index, element in enumerate(value):
            _check(element, item, f"{path}[{index}]")
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as bad:
            raise OcrError(str(bad), path) from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), type(value).__name__)
