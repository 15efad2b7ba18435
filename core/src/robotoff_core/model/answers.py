"""Answers: what a person (or the automatic policy) says about an insight, and what becomes of it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from attrs import evolve, field, frozen

from .edits import Edit

__all__ = ["Answer", "Outcome", "Result", "Voter"]


class Result(IntEnum):
    """The public status codes of an answer. ``status`` and the code are contract; the description is for display."""

    SAVED = 1
    UPDATED = 2
    MISSING_PRODUCT = 3
    UPDATED_PRODUCT = 4
    ALREADY_ANNOTATED = 5
    UNKNOWN_INSIGHT = 6
    INVALID_IMAGE = 8
    VOTE_SAVED = 9
    FAILED_UPDATE = 10
    INVALID_DATA = 11
    USER_INPUT_UPDATED = 12
    CANNOT_VOTE = 13

    @property
    def status(self) -> str:
        """The public status word."""
        return _RESULTS[self][0]

    @property
    def description(self) -> str:
        """The public sentence."""
        return _RESULTS[self][1]


_RESULTS: dict[Result, tuple[str, str]] = {
    Result.SAVED: ("saved", "the annotation was saved"),
    Result.UPDATED: ("updated", "the annotation was saved and sent to OFF"),
    Result.MISSING_PRODUCT: ("error_missing_product", "the product could not be found on OFF"),
    Result.UPDATED_PRODUCT: (
        "error_updated_product",
        "Robotoff data is out of date with OFF, the update was not sent",
    ),
    Result.ALREADY_ANNOTATED: ("error_already_annotated", "the insight has already been annotated"),
    Result.UNKNOWN_INSIGHT: ("error_unknown_insight", "unknown insight ID"),
    Result.INVALID_IMAGE: ("error_invalid_image", "the image is invalid"),
    Result.VOTE_SAVED: ("vote_saved", "the annotation vote was saved"),
    Result.FAILED_UPDATE: ("error_failed_update", "Open Food Facts update failed"),
    Result.INVALID_DATA: ("error_invalid_data", "the data provided is invalid"),
    Result.USER_INPUT_UPDATED: (
        "user_input_updated",
        "the data provided by the user was saved and sent to OFF",
    ),
    Result.CANNOT_VOTE: (
        "cannot_vote",
        "The voting mechanism is not compatible with this insight type, please authenticate.",
    ),
}


@frozen
class Voter:
    """Who answers: a verified user name (``None``: anonymous), a device id and the digest of the caller's address.

    Anonymous voters are distinct only when device *and* address digest differ.
    """

    username: str | None = None
    device_id: str = ""
    address: str = ""


@frozen
class Answer:
    """One answer: ``annotation`` 1 yes, 0 no, -1 skip, 2 yes with corrected ``data`` (only then).

    ``update`` false records the answer and writes nothing to the product.
    """

    annotation: int
    data: Any = None
    update: bool = True
    by_votes: bool = False
    username: str | None = None


@frozen
class Outcome:
    """What an annotator decides: a result code, the edits to send (only with ``UPDATED``/``USER_INPUT_UPDATED``) and
    changes to the insight itself (``value_tag``, ``value``, ``data``), committed together."""

    result: Result
    edits: tuple[Edit, ...] = ()
    changes: Mapping[str, Any] = field(factory=dict)
    description: str | None = None

    @classmethod
    def send(cls, *edits: Edit) -> "Outcome":
        """Send *edits*: code 2."""
        return cls(Result.UPDATED, edits)

    @classmethod
    def already(cls) -> "Outcome":
        """The product has the value: code 5."""
        return cls(Result.ALREADY_ANNOTATED, description="the product already has this value")

    def because(self, description: str) -> "Outcome":
        """The same outcome with another description."""
        return evolve(self, description=description)
