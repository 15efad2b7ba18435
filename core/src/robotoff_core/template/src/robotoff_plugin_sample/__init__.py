"""Sample title: a rule on the text of photos, and the question asked about what it finds."""

import re
from collections.abc import Iterable
from typing import Any

from robotoff_core.api import (
    Importer,
    Insight,
    Manifest,
    OcrDocument,
    Prediction,
    Predictor,
    Question,
    QuestionFormatter,
    Run,
    TypeSpec,
    hookimpl,
)

TYPE = "sample"


class SampleRule(Predictor):
    """Finds "item no. 42". Raise ``version`` when the rule changes."""

    name = "sample.text"
    version = "1"
    produces = (TYPE,)
    pattern = re.compile(r"\bitem no\.? ?(\w{1,30})\b")  # every repeat has a bound: the time stays linear in the text

    def predict(self, document: OcrDocument, run: Run[Any]) -> Iterable[Prediction]:
        for found in self.pattern.finditer(document.folded):
            yield Prediction(TYPE, value=document.text[found.start(1) : found.end(1)], span=found.span())


class SampleImporter(Importer):
    """One suggestion for each value."""

    type = TYPE


class SampleQuestion(QuestionFormatter):
    """Asks whether the value is right."""

    type = TYPE

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        return Question("Is this correct?", value=insight.value)


class SamplePlugin:
    """Registers the components."""

    manifest = Manifest("sample", "Sample title", owns=(TypeSpec(TYPE, title="Sample title"),))

    @hookimpl
    def robotoff_predictors(self) -> Iterable[Predictor]:
        return [SampleRule()]

    @hookimpl
    def robotoff_importers(self) -> Iterable[Importer]:
        return [SampleImporter()]

    @hookimpl
    def robotoff_question_formatters(self) -> Iterable[QuestionFormatter]:
        return [SampleQuestion()]


plugin = SamplePlugin()
