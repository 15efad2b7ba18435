"""The extractor: net quantities of a text (the predictor specification's section 4.5, with its gaps filled).

A quantity alone says nothing: labels are full of grams. It is believed when its surroundings make it the net quantity,
by one of four matchers. Everything near a quantity is judged by one lexicon of words (:mod:`.words`), found by core's
shared scan: the word that stands directly before a quantity owns it, so "poids net égoutté 240 g" and "serving size
30 g" are never offered, and neither is what a recipe or a nutrition table lists.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import islice
from typing import Any

from attrs import evolve, frozen

from robotoff_core.api import Hit, OcrDocument, Prediction, Predictor, Run

from .quantities import (
    Quantity,
    combined,
    has_mark,
    matches_in,
    misread_match,
    plausible,
    read_match,
    same_amount,
    same_item,
)
from .words import Kind

__all__ = ["LEXICON", "TYPE", "WeightPredictor"]

TYPE = "product_weight"
LEXICON = "weight.words"

WITH_MENTION = "with_mention"
WITH_ENDING_MENTION = "with_ending_mention"
MULTI_PACKAGING = "multi_packaging"
NO_MENTION = "no_mention"
PRIORITIES = {WITH_MENTION: 1, WITH_ENDING_MENTION: 1, MULTI_PACKAGING: 2, NO_MENTION: 3}

_GAP = 16
"""At most so many characters stand between a prompt and its quantity."""
_MARKED = 8
"""A count and the sign before a number, "12 x ℮ ", are at most so long."""
_BETWEEN = re.compile(r"[ :;.=~\-_*•·(\[|]*(?:(?:de|of|von|di|da|ca|env|approx|about|circa|min|total|e|℮)[ .:]+)?[ (]*")
_AFTER = re.compile(r"[ ,.()\-/]*")
_JOINT = re.compile(r"[ ()\[\]/=,;.|~-]*")
_PER = re.compile(r"(?:^|[^\w])(?:per|pour|par|pro|por|je|auf|in|w|na|pr|for|za|la|на|в|ve|ανα)[. ]*$")
_ENDING_REACH = 24
"""A word that ends a statement begins at most so far behind its first quantity: "12 oz (340 g) net"."""
_RECIPE_REACH = 300
"""A recipe's list of ingredients is believed to go on for so many characters."""
_MOST_READ = 2000
"""So many quantities are read at most; the longest labels have some hundred, a text with more is none."""
_LARGE = 1000
"""Above it a net quantity ends in 0, or its reading is suspicious (the specification's 4.5)."""


@frozen
class _Statement:
    """What one place of the label says: the quantity to offer, and whether its parts disagree.

    ``start`` to ``end`` is all of it, up to the quantity with index ``last``; ``raw_end`` leaves out a total's items.
    """

    quantity: Quantity
    start: int
    end: int
    raw_end: int
    last: int
    doubtful: bool = False
    also: str | None = None


class WeightPredictor(Predictor):
    """Net quantities by their prompts, as multipacks, or by the estimated sign."""

    name = "weight.text"
    version = "1"
    produces = (TYPE,)
    method = "regex"
    product_name = True

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        """Each value once per matcher, best matcher first."""
        found: dict[tuple[str | None, str], Prediction] = {}
        for prediction in _Reader(document).predictions():
            found.setdefault((prediction.value, prediction.data["matcher_type"]), prediction)
        return sorted(found.values(), key=lambda prediction: prediction.data["priority"])


class _Reader:
    """One reading of one document."""

    def __init__(self, document: OcrDocument) -> None:
        self.printed = document.text
        self.folded = document.folded
        self.contiguous = document.contiguous
        # a word glued to a dot or at sign is part of an address: "www.example.net"
        self.hits = [hit for hit in document.hits(LEXICON) if self.folded[hit.start - 1 : hit.start] not in (".", "@")]
        self.hit_starts = [hit.start for hit in self.hits]
        self.matches = matches_in(self.folded)
        self._add_misread()
        self._read: dict[int, Quantity | None] = {}
        self._owned: dict[int, Hit | None] = {}

    def predictions(self) -> Iterable[Prediction]:
        """All predictions, in text order."""
        taken = blocked = -1
        for index in islice(self._worth_reading(), _MOST_READ):
            quantity = self._quantity(index)
            if quantity is None:
                continue
            owner = self._owner(index)
            if owner is None and index <= (blocked if quantity.count else max(taken, blocked)):
                continue
            statement = self._statement(index, quantity)
            if self._is_refused(statement, owner):
                blocked = statement.last
                continue
            prediction = self._judge(index, statement, owner)
            if prediction is not None:
                taken = statement.last
                yield prediction

    def _worth_reading(self) -> Iterable[int]:
        """The matches with a word, a count or a sign beside them; most grams of a label have none."""
        starts, hits, position = self.hit_starts, self.hits, 0
        for index, match in enumerate(self.matches):
            start, end = match.span()
            while position < len(starts) and starts[position] < start:
                position += 1
            if (
                (position > 0 and start - hits[position - 1].end <= _GAP + _MARKED)
                or (position < len(starts) and starts[position] - end <= _ENDING_REACH)
                or has_mark(match, self.folded)
            ):
                yield index

    def _quantity(self, index: int) -> Quantity | None:
        if index not in self._read:
            self._read[index] = read_match(self.matches[index], self.folded, self.printed)
        return self._read[index]

    # which word belongs to which quantity

    def _add_misread(self) -> None:
        """Quantities like "l50 g", believed only directly after a prompt."""
        added = []
        for hit in self.hits:
            if hit.value.kind not in _PROMPTS:
                continue
            between = _BETWEEN.match(self.folded, hit.end, hit.end + _GAP)
            match = misread_match(self.folded, between.end()) if between is not None else None
            if match is not None:
                added.append(match)
        if added:
            self.matches = sorted([*self.matches, *added], key=lambda match: match.start())

    def _owner(self, index: int) -> Hit | None:
        """The word directly before a quantity."""
        if index not in self._owned:
            self._owned[index] = self._word_before(index)
        return self._owned[index]

    def _word_before(self, index: int) -> Hit | None:
        quantity = self._quantity(index)
        if quantity is None:
            return None
        position = bisect_left(self.hit_starts, quantity.start) - 1
        if position < 0:
            return None
        hit = self.hits[position]
        if not 0 <= quantity.start - hit.end <= _GAP or hit.value.kind is Kind.NEUTRAL:
            return None
        if not _BETWEEN.fullmatch(self.folded, hit.end, quantity.start):
            return None
        return self._paired(index, quantity, position) or hit

    def _paired(self, index: int, quantity: Quantity, position: int) -> Hit | None:
        """For "net / drained : 400 g / 240 g": the first of the two words owns the first quantity."""
        if position == 0 or index + 1 >= len(self.matches):
            return None
        first, second = self.hits[position - 1], self.hits[position]
        if first.value.kind not in _PROMPTS or second.value.kind is not Kind.DRAINED:
            return None
        words = self.folded[first.end : second.start].strip()
        amounts = self.folded[quantity.end : self.matches[index + 1].start()].strip()
        return first if words == amounts == "/" else None

    def _ending(self, end: int) -> Hit | None:
        """The word that follows a quantity on its line without introducing a quantity of its own."""
        after = _AFTER.match(self.folded, end, end + 4)
        start = after.end() if after is not None else end
        position = bisect_left(self.hit_starts, start)
        if position == len(self.hits) or self.hit_starts[position] != start:
            return None
        hit = self.hits[position]
        line = self.printed[end:start]
        if "\n" in line or "|" in line:
            return None
        ahead = _BETWEEN.match(self.folded, hit.end, hit.end + _GAP)
        following = ahead.end() if ahead is not None else hit.end
        return None if self.folded[following : following + 1].isdigit() else hit

    # what is said

    def _statement(self, index: int, first: Quantity) -> _Statement:
        """The quantity at *index* with what repeats it: "4.11 oz (117 g)", "1 lb 4 oz (567 g)", "360 g (4 x 90 g)"."""
        chosen, end, raw_end, last, also, doubtful = first, first.end, first.end, index, None, False
        for number in range(index + 1, min(index + 4, len(self.matches))):
            if self.matches[number].start() - end > _MARKED + 5:
                break
            following = self._quantity(number)
            if following is None or self._owner(number) is not None:
                break
            gap = self.folded[end : following.start]
            if len(gap) > 5 or not _JOINT.fullmatch(gap):
                break
            more_useful = following.unit.metric and not chosen.unit.metric
            if number == index + 1 and _is_pound(first) and following.unit.name == "oz" and "(" not in gap:
                chosen, raw_end = combined(first, following), following.end
            elif chosen.count and not following.count and same_item(chosen, following):
                chosen = _with_count(following, chosen) if more_useful else chosen
                raw_end = following.end
            elif not same_amount(chosen, following):
                doubtful = following.unit.metric != first.unit.metric and following.unit.base == first.unit.base
                break
            elif following.count == chosen.count:
                if more_useful:
                    also, chosen = chosen.value, following
                elif chosen.unit.metric and not following.unit.metric and following.unit.offered:
                    also = also or following.value
                raw_end = following.end
            end, last = following.end, number
        return _Statement(chosen, first.start, end, raw_end, last, doubtful, also)

    def _is_refused(self, statement: _Statement, owner: Hit | None) -> bool:
        """Whether a word beside the statement makes it something else than a net quantity."""
        if owner is not None and owner.value.kind not in _PROMPTS:
            return True
        ending = self._ending(statement.end)
        return ending is not None and ending.value.kind in _AFTERWARDS

    def _judge(self, index: int, statement: _Statement, owner: Hit | None) -> Prediction | None:
        """The prediction that the quantity at *index* makes, by the first matcher that believes it."""
        quantity = statement.quantity
        ending = self._ending(statement.end)
        prompt = owner
        if quantity.count is not None:
            matcher = MULTI_PACKAGING
        elif owner is not None:
            matcher = WITH_MENTION
        elif ending is not None and ending.value.kind is Kind.NET:
            matcher, prompt = WITH_ENDING_MENTION, ending
        elif quantity.sign:
            matcher = NO_MENTION
        else:
            return None
        if matcher in (MULTI_PACKAGING, NO_MENTION) and owner is None and self._is_listed(statement):
            return None
        if not plausible(quantity) or (quantity.misread and prompt is None):
            return None
        automatic = matcher != NO_MENTION and not (
            statement.doubtful
            or quantity.misread
            or _is_suspicious(quantity)
            or (owner is not None and owner.value.kind is Kind.WEAK)
            or self._has_bonus(statement)
        )
        return self._prediction(index, statement, matcher, prompt, automatic)

    def _is_listed(self, statement: _Statement) -> bool:
        """Whether an amount without a prompt belongs to a recipe or is what a table's figures are per."""
        quantity, start = statement.quantity, statement.start
        if quantity.amount == 100 and _PER.search(self.folded[max(start - 8, 0) : start]):
            return True
        if self.folded[statement.end : statement.end + 2].strip().startswith("/"):
            return True
        return any(
            hit.value.kind is Kind.RECIPE
            for hit in self.hits[
                bisect_left(self.hit_starts, start - _RECIPE_REACH) : bisect_left(self.hit_starts, start)
            ]
        )

    def _has_bonus(self, statement: _Statement) -> bool:
        """Whether something is added: "500 g + 100 g"."""
        around = (
            self.folded[max(statement.start - 3, 0) : statement.start] + self.folded[statement.end : statement.end + 3]
        )
        return "+" in around

    def _total(self, index: int, multipack: Quantity) -> tuple[str | None, bool]:
        """The package's total beside a multipack, and whether a quantity directly beside it contradicts."""
        contradicts = False
        for number in (index - 1, index + 1):
            other = self._quantity(number) if 0 <= number < len(self.matches) else None
            if other is None:
                continue
            gap = max(other.start - multipack.end, multipack.start - other.end)
            if other.count is not None or gap > _RECIPE_REACH:
                continue
            if same_amount(multipack, other):
                return other.value, False
            contradicts = contradicts or (
                gap <= 3 and other.total > multipack.amount and not same_item(multipack, other)
            )
        return None, contradicts

    def _prediction(
        self, index: int, statement: _Statement, matcher: str, prompt: Hit | None, automatic: bool
    ) -> Prediction:
        quantity = statement.quantity
        data: dict[str, Any] = {
            "raw": self.contiguous[statement.start : statement.raw_end],
            "value": quantity.number,
            "unit": quantity.unit.name,
            "normalized_value": round(quantity.amount, 3),
            "normalized_unit": quantity.unit.base,
            "matcher_type": matcher,
            "priority": PRIORITIES[matcher],
        }
        start, end = statement.start, statement.raw_end
        if prompt is not None:
            data["prompt"] = self.contiguous[prompt.start : prompt.end]
            data["prompt_languages"] = list(prompt.value.languages)
            start, end = min(start, prompt.start), max(end, prompt.end)
        if quantity.count is not None:
            data["count"] = str(quantity.count)
            total, contradicts = self._total(index, quantity)
            if total is not None:
                data["total"] = total
            automatic = automatic and not contradicts
        if statement.also is not None:
            data["also"] = statement.also
        data["automatic_processing"] = automatic
        return Prediction(TYPE, value=quantity.value, data=data, automatic=automatic, span=(start, end))


_PROMPTS = (Kind.NET, Kind.WEAK)
_AFTERWARDS = (Kind.DRAINED, Kind.PER_SERVING)


def _is_pound(quantity: Quantity) -> bool:
    return quantity.unit.name in ("lb", "lbs") and quantity.count is None


def _with_count(quantity: Quantity, counted: Quantity) -> Quantity:
    return evolve(quantity, count=counted.count)


def _is_suspicious(quantity: Quantity) -> bool:
    """Whether a large metric amount does not end in 0: 2532 g is more often a misreading than a product."""
    return quantity.unit.metric and quantity.amount > _LARGE and round(quantity.amount) % 10 != 0
