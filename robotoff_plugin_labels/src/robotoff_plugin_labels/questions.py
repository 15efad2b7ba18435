"""The question asked about a label, in the reader's language."""

from functools import cache
from typing import Any

from robotoff_core.api import Insight, Question, QuestionFormatter, Run

from .data import table
from .tree import LabelTree

__all__ = ["LabelQuestion"]


class LabelQuestion(QuestionFormatter):
    """Asks whether the product has the label, and names it."""

    type = "label"

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        """Text and name in *lang*, else in its base language, else in English."""
        code = lang.replace("-", "_")
        texts = _texts()
        text = texts.get(code) or texts.get(code.partition("_")[0].lower()) or texts["en"]
        tag = insight.value_tag or ""
        return Question(text, value=LabelTree.of(run.taxonomy("labels")).name(tag, lang), value_tag=insight.value_tag)


@cache
def _texts() -> dict[str, str]:
    texts: dict[str, str] = table("questions.toml")["question"]
    return texts
