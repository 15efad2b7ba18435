"""Questions: an open insight as a person is asked about it."""

from attrs import frozen

__all__ = ["Question"]


@frozen
class Question:
    """The words of one question, already in the reader's language; core adds identity, type and image addresses.

    ``value`` is what is asked about, as a person reads it; ``value_tag`` only where clients expect one;
    ``ref_image_url`` a picture of the thing itself (a logo).
    """

    text: str
    value: str | None = None
    value_tag: str | None = None
    ref_image_url: str | None = None
