"""Product weight: the net quantity printed on the package, offered to products that have none."""

from collections.abc import Iterable

from robotoff_core.api import (
    Annotator,
    Importer,
    Lexicon,
    Manifest,
    Predictor,
    Quality,
    QuestionFormatter,
    TypeSpec,
    hookimpl,
)

from .settings import WeightSettings

__all__ = ["WeightPlugin", "plugin"]


class WeightPlugin:
    """Owns the type ``product_weight``: predictor, importer, annotator, question and words."""

    manifest = Manifest(
        slug="weight",
        title="Product weight",
        owns=(
            TypeSpec(
                "product_weight",
                title="Net quantity of a product",
                schema={
                    "type": "object",
                    "required": [
                        "raw",
                        "value",
                        "unit",
                        "normalized_value",
                        "normalized_unit",
                        "matcher_type",
                        "priority",
                    ],
                    "properties": {
                        "raw": {"type": "string"},
                        "value": {"type": "string"},
                        "unit": {"type": "string"},
                        "normalized_value": {"type": "number"},
                        "normalized_unit": {"enum": ["g", "ml"]},
                        "automatic_processing": {"type": "boolean"},
                        "matcher_type": {
                            "enum": ["with_mention", "with_ending_mention", "multi_packaging", "no_mention"]
                        },
                        "priority": {"type": "integer"},
                        "prompt": {"type": "string"},
                        "prompt_languages": {"type": "array", "items": {"type": "string"}},
                        "count": {"type": "string"},
                        "total": {"type": "string"},
                        "also": {"type": "string"},
                    },
                },
            ),
        ),
        settings=WeightSettings,
        quality=Quality.STABLE,
        maintainers=("Robotoff maintainers",),
    )

    @hookimpl
    def robotoff_predictors(self) -> Iterable[Predictor]:
        from .predictor import WeightPredictor

        return [WeightPredictor()]

    @hookimpl
    def robotoff_importers(self) -> Iterable[Importer]:
        from .importer import WeightImporter

        return [WeightImporter()]

    @hookimpl
    def robotoff_annotators(self) -> Iterable[Annotator]:
        from .annotator import WeightAnnotator

        return [WeightAnnotator()]

    @hookimpl
    def robotoff_question_formatters(self) -> Iterable[QuestionFormatter]:
        from .formatter import WeightQuestion

        return [WeightQuestion()]

    @hookimpl
    def robotoff_lexicons(self) -> Iterable[Lexicon]:
        from .predictor import LEXICON
        from .words import meanings

        return [Lexicon(LEXICON, tuple(meanings().items()))]


plugin = WeightPlugin()
