"""The question that people are asked."""

from robotoff_core.api import Insight, Question, QuestionFormatter, Run

from .predictor import TYPE
from .settings import WeightSettings
from .words import languages

__all__ = ["WeightQuestion"]


class WeightQuestion(QuestionFormatter):
    """Asks whether the label shows the suggested quantity."""

    type = TYPE

    def question(self, insight: Insight, lang: str, run: Run[WeightSettings]) -> Question:
        """The question in *lang*, in its base language ("pt" for "pt_BR"), or in English."""
        known = languages()
        base = lang.replace("-", "_").partition("_")[0].lower()
        language = known.get(lang) or known.get({"no": "nb", "nn": "nb"}.get(base, base)) or known["en"]
        return Question(language.question, value=insight.value)
