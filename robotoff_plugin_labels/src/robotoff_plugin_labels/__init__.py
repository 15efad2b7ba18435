"""Labels: certifications and claims printed on a package, read from its text and from the logos the cloud recognised.

Owns the type ``label``. The rules are data (``data/``), by language; :mod:`.text` and :mod:`.logos` read them.
"""

from typing import TYPE_CHECKING, Any

from robotoff_core.api import (
    Annotator,
    Command,
    ImageRule,
    Importer,
    Lexicon,
    Manifest,
    Predictor,
    Quality,
    QuestionFormatter,
    TypeSpec,
    hookimpl,
)

from .settings import LabelSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LabelsPlugin", "plugin"]

_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "data of a label, version 1",
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "what the package says, as printed"},
        "source": {"type": "string", "enum": ["product_name"]},
        "bounding_box_absolute": _BOX | {"description": "y_min, x_min, y_max, x_max in pixels of the full image"},
        "bounding_box": _BOX | {"description": "the same as fractions of the image"},
    },
}


class LabelsPlugin:
    """Registers the label components. Each hook imports what it needs, so that a plugin listing costs nothing."""

    manifest = Manifest(
        slug="labels",
        title="Labels: certifications and claims",
        owns=(
            TypeSpec(
                "label",
                title="Label",
                priority=20,
                image=ImageRule.SOURCE,
                schema=_SCHEMA,
            ),
        ),
        settings=LabelSettings,
        quality=Quality.STABLE,
        maintainers=("Open Food Facts",),
    )

    @hookimpl
    def robotoff_predictors(self) -> "Iterable[Predictor]":
        """The text rules and the cloud's logos."""
        from .logos import LabelLogos
        from .text import LabelText

        return [LabelText(), LabelLogos()]

    @hookimpl
    def robotoff_lexicons(self) -> "Iterable[Lexicon]":
        """What the text rules look for."""
        from .text import lexicons

        return lexicons()

    @hookimpl
    def robotoff_importers(self, settings: Any) -> "Iterable[Importer]":
        """The importer, with the operator's automatic labels."""
        from .importer import LabelImporter

        return [LabelImporter(settings or LabelSettings())]

    @hookimpl
    def robotoff_annotators(self) -> "Iterable[Annotator]":
        """The annotator."""
        from .annotator import LabelAnnotator

        return [LabelAnnotator()]

    @hookimpl
    def robotoff_question_formatters(self, settings: Any) -> "Iterable[QuestionFormatter]":
        """The question formatter, with the place of the labels' pictures."""
        from .questions import LabelQuestion

        return [LabelQuestion(settings or LabelSettings())]

    @hookimpl
    def robotoff_commands(self) -> "Iterable[Command]":
        """Rebuilding the packaged facts."""
        from .known import build_data

        return [Command("build-data", "Rebuild certifiers.txt and labels.json from a label taxonomy.", build_data)]


plugin = LabelsPlugin()
