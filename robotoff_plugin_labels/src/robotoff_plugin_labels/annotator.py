"""What accepting a label means for the product."""

from typing import Any

from robotoff_core.api import AddTag, Annotator, Answer, Insight, Outcome, Product, Run

from .importer import on_product
from .tree import LabelTree

__all__ = ["LabelAnnotator"]


class LabelAnnotator(Annotator):
    """Adds the label, unless the product has it or a more precise one."""

    type = "label"

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        """One edit: the tag is added to the product's labels."""
        tag = insight.value_tag
        if not tag:
            raise ValueError(f"insight {insight.id} has no label")
        found = on_product(LabelTree.of(run.taxonomy("labels")), tag, product) if product is not None else None
        if found is not None:
            return Outcome.already().because(f"the product already has the label {found}")
        return Outcome.send(AddTag("labels", tag, action=f"Adding label tag '{tag}'"))
