"""``robotoff predict``: run the predictors over OCR files or texts, without a database; JSON lines come out."""

import gzip
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from .common import UsageFailure, configuration

if TYPE_CHECKING:
    from ..config import Config
    from ..engine.runner import Predicted, Runner
    from ..text import OcrDocument

__all__ = ["open_runner", "predict", "prediction_rows", "read_document"]

_PARSE = "parse"
_TYPES = click.option(
    "--type", "types", multiple=True, metavar="T", help="Only predictions of this type; can be repeated."
)
_TIMING = click.option("--timing", is_flag=True, help="Print the milliseconds of each component to stderr.")


@click.group()
def predict() -> None:
    """Run the predictors over OCR files or texts, without a database."""


@predict.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_TYPES
@_TIMING
@click.pass_context
def ocr(ctx: click.Context, files: tuple[Path, ...], types: tuple[str, ...], timing: bool) -> None:
    """Predict from OCR files: Google Cloud Vision JSON, plain or gzipped.

    Prints one line for each file: {"source": ..., "predictions": [...]}. A file that cannot be read or is malformed
    has its reason in "error" and on stderr; the others are processed, and the exit code is 1.
    """
    from ..text import OcrDocument, OcrError

    output = _Output(open_runner(configuration(ctx), types), types, timing)
    for path in files:
        source = str(path)
        started = perf_counter()
        try:
            document = OcrDocument.from_bytes(read_document(path), source=source)
        except OcrError as error:
            output.refuse({"source": source}, str(error), OcrError(error.message, error.where))
        except (OSError, EOFError, zlib.error) as error:
            output.refuse({"source": source}, f"{source}: {error}", error)
        else:
            output.spent(_PARSE, perf_counter() - started)
            output.predict({"source": source}, source, document)
    output.finish(ctx)


@predict.command()
@_TYPES
@_TIMING
@click.pass_context
def text(ctx: click.Context, types: tuple[str, ...], timing: bool) -> None:
    """Predict from texts: JSON lines {"text": ..., "id": ...} on stdin, {"id": ..., "predictions": [...]} on stdout.

    A line that is not such an object has its reason in "error" and, with its number, on stderr; the others are
    processed, and the exit code is 1.
    """
    import orjson

    from ..text import OcrDocument

    output = _Output(open_runner(configuration(ctx), types), types, timing)
    for number, line in _lines(sys.stdin.buffer):
        identity: Any = None
        try:
            entry = orjson.loads(line)
            identity = entry.get("id") if isinstance(entry, dict) else None
            content = entry.get("text") if isinstance(entry, dict) else None
            if not isinstance(content, str):
                raise ValueError('an object with a text in "text" expected')
        except ValueError as error:  # also orjson's
            output.refuse({"id": identity}, f"stdin, line {number}: {error}", error)
        else:
            output.predict({"id": identity}, f"stdin, line {number}", OcrDocument.from_text(content))
    output.finish(ctx)


def read_document(path: Path) -> bytes:
    """The bytes of an OCR file, unpacked when it is gzipped.

    Raises :class:`OSError`, :class:`EOFError` or :class:`zlib.error` when it cannot be read.
    """
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def open_runner(config: "Config", types: Collection[str]) -> "Runner":
    """A runner of the enabled plugins, working in this process and without a database.

    Ends the command with exit code 2 when one of *types* is produced by none of them.
    """
    from ..engine.runner import Runner
    from ..plugins.registry import load_plugins
    from ..taxonomy import Taxonomies

    registry = load_plugins(config)
    produced = sorted({name for one in registry.predictors for name in one.component.produces})
    unknown = [name for name in types if name not in produced]
    if unknown:
        known = ", ".join(produced) or "none, as no plugin with a predictor is enabled"
        raise UsageFailure(
            f"unknown prediction type: {', '.join(unknown)} (known: {known}); see `robotoff plugins list`"
        )
    return Runner(registry, Taxonomies(config.taxonomies, Path(config.var) / "taxonomies"))


def prediction_rows(predicted: "Predicted") -> list[dict[str, Any]]:
    """The predictions in the public form, in the order of the predictors."""
    rows = []
    for run in predicted.runs:
        for prediction in run.predictions:
            row: dict[str, Any] = {
                "type": prediction.type,
                "value": prediction.value,
                "value_tag": prediction.value_tag,
                "data": dict(prediction.data),
                "automatic_processing": prediction.automatic,
                "predictor": prediction.method,
                "predictor_version": run.version,
                "confidence": prediction.confidence,
            }
            if prediction.box is not None:
                row["bounding_box"] = list(prediction.box)
            rows.append(row)
    return rows


class _Output:
    """Predicts document by document, prints a line for each, and keeps count of time and trouble."""

    def __init__(self, runner: "Runner", types: Collection[str], timing: bool) -> None:
        self._runner = runner
        self._types = types or None
        self._timing = timing
        self._seconds: dict[str, float] = {}
        self._documents = 0
        self._trouble = False

    def predict(self, head: dict[str, Any], source: str, document: "OcrDocument") -> None:
        """Run the predictors and print the line that begins with *head*."""
        predicted = self._runner.predict(document, types=self._types, today=datetime.now(UTC).date())
        self._documents += 1
        for failure in predicted.failures:
            self._complain(f"{source}: {failure.component} (plugin {failure.plugin}) {failure.kind}: {failure.reason}")
        for name, seconds in predicted.timings.items():
            self.spent(name, seconds)
        self._print({**head, "predictions": prediction_rows(predicted)})

    def refuse(self, head: dict[str, Any], message: str, reason: Exception) -> None:
        """Print the line of a document that cannot be used."""
        self._complain(message)
        self._print({**head, "predictions": [], "error": str(reason)})

    def spent(self, name: str, seconds: float) -> None:
        """Add to the time of a component, or of parsing."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def finish(self, ctx: click.Context) -> None:
        """Print the times; exit code 1 when anything was wrong."""
        if self._timing:
            click.echo(f"milliseconds for {self._documents} documents:", err=True)
            for name, seconds in self._seconds.items():
                click.echo(f"{name} {seconds * 1000:.3f}", err=True)
        if self._trouble:
            ctx.exit(1)

    def _complain(self, message: str) -> None:
        self._trouble = True
        click.echo(f"Error: {message}", err=True)

    def _print(self, row: dict[str, Any]) -> None:
        import orjson

        click.echo(orjson.dumps(row).decode())


def _lines(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with something in them, numbered from 1."""
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield number, line
