"""What accepting a quantity writes to the product (the engine specification's C.3)."""

from robotoff_core.api import Annotator, Answer, Insight, Outcome, Product, Result, Run, SetField

from .predictor import TYPE
from .settings import WeightSettings

__all__ = ["WeightAnnotator"]


class WeightAnnotator(Annotator):
    """Fills the product's quantity, never replaces one."""

    type = TYPE

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[WeightSettings]) -> Outcome:
        """One ``quantity`` edit; nothing when the product has a quantity by now, whoever wrote it."""
        if product is None:
            return Outcome(Result.MISSING_PRODUCT)
        if product.text("quantity"):
            return Outcome.already()
        if not insight.value:
            return Outcome(Result.INVALID_DATA, description="the insight has no value to write")
        return Outcome.send(
            SetField(field="quantity", value=insight.value, action=f"Updating quantity to '{insight.value}'")
        )
