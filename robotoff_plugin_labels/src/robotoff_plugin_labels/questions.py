"""The question asked about a label, in the reader's language."""

from functools import cache
from typing import Any

from robotoff_core.api import Insight, Question, QuestionFormatter, Run

from .data import lines, table
from .settings import LabelSettings
from .tree import LabelTree

__all__ = ["LabelQuestion"]


class LabelQuestion(QuestionFormatter):
    """Asks whether the product has the label, names it and shows what it looks like."""

    type = "label"

    def __init__(self, settings: LabelSettings) -> None:
        self._pictures = settings.pictures

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        """Text and name in *lang*, else in its base language, else in English."""
        code = lang.replace("-", "_")
        texts = _texts()
        text = texts.get(code) or texts.get(code.partition("_")[0].lower()) or texts["en"]
        tag = insight.value_tag or ""
        name = LabelTree.of(run.taxonomy("labels")).name(tag, lang)
        return Question(text, value=name, value_tag=insight.value_tag, ref_image_url=self._picture(tag))

    def _picture(self, tag: str) -> str | None:
        path = _picture_paths().get(tag)
        return f"{self._pictures}{path}" if path and self._pictures else None


@cache
def _picture_paths() -> dict[str, str]:
    """The picture of each label that has one, as a path that stands in a URL."""
    from urllib.parse import quote

    return {tag: quote(path) for tag, path in (line.split(" ", 1) for line in lines("pictures.txt"))}


@cache
def _texts() -> dict[str, str]:
    texts: dict[str, str] = table("questions.toml")["question"]
    return texts
