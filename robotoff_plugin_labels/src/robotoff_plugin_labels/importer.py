"""From label predictions to suggestions: canonical labels, only the most precise, nothing the product already says."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import cached_property

from robotoff_core.api import Candidate, Drop, Importer, Insight, Product, Run, StoredPrediction

from .settings import LabelSettings
from .tree import LabelTree

__all__ = ["LabelImporter"]

_RULE_METHODS = frozenset(("regex", "flashtext"))
"""Public names of text rules: only what a rule read may become automatic by the list."""


class LabelImporter(Importer):
    """The rules of the engine specification's B.7, row 2, with the alias defect repaired: canonical tags come first."""

    type = "label"

    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings

    def candidates(
        self, product: Product | None, predictions: Sequence[StoredPrediction], run: Run[LabelSettings]
    ) -> Iterable[Candidate | Drop]:
        """One candidate per prediction of a label that is known, not refused, and not said better by another one."""
        tree = LabelTree.of(run.taxonomy("labels"))
        known: list[tuple[StoredPrediction, str]] = []
        for prediction in predictions:
            tag = tree.canonical(prediction.value_tag) if prediction.value_tag else None
            if tag is None:
                yield Drop.of(prediction, "unknown-label", f"{prediction.value_tag} is not a label of the taxonomy")
            elif tag in self._settings.refused_labels:
                yield Drop.of(prediction, "refused-label", f"{tag} is never suggested (setting `refused_labels`)")
            else:
                known.append((prediction, tag))
        precise: dict[str, str] = {}
        for _, tag in known:
            precise.update(dict.fromkeys(tree.ancestors(tag), tag))
        for prediction, tag in known:
            if tag in precise:
                yield Drop.of(prediction, "less-precise", f"{precise[tag]} says more than {tag}")
            else:
                yield Candidate.of(prediction, value_tag=tag, automatic=self._automatic(prediction, tag))

    def claim(self, candidate: Candidate) -> str:
        """The label."""
        return candidate.value_tag or ""

    def conflicts(self, candidate: Candidate, existing: Insight | Candidate, run: Run[LabelSettings]) -> bool:
        """The same label, or one that *existing* says more precisely."""
        if candidate.value_tag == existing.value_tag:
            return True
        if candidate.value_tag is None or existing.value_tag is None:
            return False
        tree = LabelTree.of(run.taxonomy("labels"))
        return tree.covers(tree.canonical(existing.value_tag) or existing.value_tag, candidate.value_tag)

    def settled(self, suggestion: Candidate | Insight, product: Product, run: Run[LabelSettings]) -> str | None:
        """The product has the label, under whatever name, or a more precise one."""
        if suggestion.value_tag is None:
            return None
        tree = LabelTree.of(run.taxonomy("labels"))
        found = on_product(tree, suggestion.value_tag, product)
        return f"the product has the label {found}" if found else None

    def _automatic(self, prediction: StoredPrediction, tag: str) -> bool:
        if prediction.automatic is not None:
            return prediction.automatic
        return prediction.predictor in _RULE_METHODS and self._allowed.fullmatch(tag) is not None

    @cached_property
    def _allowed(self) -> re.Pattern[str]:
        return re.compile("|".join(map(translate, self._settings.automatic_labels)) or r"(?!)")


def on_product(tree: LabelTree, tag: str, product: Product) -> str | None:
    """The label of *product* that says *tag*: the same, an alias, or a more precise one; ``None`` when none does."""
    wanted = tree.canonical(tag) or tag
    for present in product.tags("labels_tags"):
        if tree.covers(tree.canonical(present) or present, wanted):
            return present
    return None
