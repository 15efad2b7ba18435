"""The operator's settings, from ``[plugins.labels]``."""

from collections.abc import Iterable

from attrs import field, frozen

__all__ = ["LabelSettings"]


def _packaged_automatic_labels() -> tuple[str, ...]:
    from .data import lines

    return tuple(lines("automatic.txt"))


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@frozen
class LabelSettings:
    """- ``automatic_labels``: labels applied without a person when a text rule read them; ``*`` and ``?`` as in file
      names. The packaged list when not given; an empty list asks about every label.
    - ``refused_labels``: labels never suggested. An origin of EU or non-EU agriculture alone is refused by default: on
      packages it is nearly always a part of the mixed form that the photo cut.
    - ``pictures``: the address below which the pictures of labels stand, ending in a slash; empty to show none.
    """

    automatic_labels: tuple[str, ...] = field(factory=_packaged_automatic_labels, converter=_texts)
    refused_labels: tuple[str, ...] = field(default=("en:eu-agriculture", "en:non-eu-agriculture"), converter=_texts)
    pictures: str = "https://static.openfoodfacts.org/images/lang/"
