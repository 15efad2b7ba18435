"""From predictions to the one suggested quantity of a product (the engine specification's B.7.4)."""

from collections.abc import Iterable, Sequence

from robotoff_core.api import Candidate, Drop, Importer, Insight, Product, Run, StoredPrediction

from .predictor import MULTI_PACKAGING, TYPE
from .quantities import Quantity, read_value, same_amount
from .settings import WeightSettings

__all__ = ["WeightImporter"]


class WeightImporter(Importer):
    """Suggests the best prediction's quantity to products that have none.

    What a prediction's value means is read from the value itself, whoever made it, and held against plain bounds: past
    misreadings (kJ read as kg, "279 x 163 ml") gave products of tonnes.
    """

    type = TYPE

    def candidates(
        self, product: Product | None, predictions: Sequence[StoredPrediction], run: Run[WeightSettings]
    ) -> Iterable[Candidate | Drop]:
        """The first believable prediction; automatic only when no other one of its matcher says another amount, no
        multipack contradicts it, and it was read from an image."""
        believed: list[tuple[StoredPrediction, Quantity]] = []
        for prediction in predictions:
            quantity = read_value(prediction.value or "")
            if quantity is None:
                yield Drop.of(prediction, "unreadable", f"{prediction.value!r} is not a quantity such as '500 g'")
            elif (reason := _implausible(quantity, run.settings)) is not None:
                yield Drop.of(prediction, "implausible", reason)
            else:
                believed.append((prediction, quantity))
        if not believed:
            return
        (winner, amount), *others = believed
        doubt = next(
            (reason for other in others if (reason := _contradiction(winner, amount, *other)) is not None), None
        )
        from_name = winner.data.get("source") == "product_name"
        yield Candidate.of(winner, automatic=winner.automatic is True and doubt is None and not from_name)
        for prediction, quantity in others:
            if same_amount(amount, quantity):
                rule, reason = "same-amount", f"{winner.value} says the same"
            else:
                rule, reason = "one-quantity", f"a product has one quantity, and {winner.value} goes first"
            yield Drop.of(prediction, rule, reason)

    def claim(self, candidate: Candidate) -> str:
        """The amount in grams or millilitres: "0.5 kg" claims what "500 g" does, "4 x 90 g" not what "360 g" does."""
        return _claim(candidate.value)

    def conflicts(self, candidate: Candidate, existing: Insight | Candidate, run: Run[WeightSettings]) -> bool:
        """Whether both claim the same amount, or *existing* is on its way to the product, which has one quantity."""
        return _claim(candidate.value) == _claim(existing.value) or (
            isinstance(existing, Insight) and _is_under_way(existing)
        )

    def settled(self, suggestion: Candidate | Insight, product: Product, run: Run[WeightSettings]) -> str | None:
        """A product with any quantity needs no suggestion."""
        quantity = product.text("quantity")
        return f"the product has the quantity {quantity!r}" if quantity else None


def _implausible(quantity: Quantity, settings: WeightSettings) -> str | None:
    total = f"{quantity.total:g} {quantity.unit.base}"
    if quantity.total < settings.lowest:
        return f"{total} is less than a product holds ({settings.lowest:g} {quantity.unit.base})"
    if quantity.total > settings.highest:
        return f"{total} is more than a product holds ({settings.highest:g} {quantity.unit.base})"
    return None


def _contradiction(
    winner: StoredPrediction, amount: Quantity, other: StoredPrediction, quantity: Quantity
) -> str | None:
    """Why *other* makes the winner doubtful: its matcher read another amount, or a multipack another total."""
    if same_amount(amount, quantity):
        return None
    matcher = other.data.get("matcher_type")
    if matcher == winner.data.get("matcher_type"):
        return f"{other.value} was read in the same way"
    return f"{other.value} has another total" if matcher == MULTI_PACKAGING else None


def _is_under_way(insight: Insight) -> bool:
    return (insight.is_open and insight.automatic) or insight.status in ("deciding", "queued")


def _claim(value: str | None) -> str:
    quantity = read_value(value or "")
    if quantity is None:
        return value or ""
    count = f"{quantity.count}x" if quantity.count is not None else ""
    return f"{count}{round(quantity.amount, 1):g}{quantity.unit.base}"
