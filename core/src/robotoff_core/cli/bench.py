"""``robotoff bench``: what predicting costs, in units of what merely decoding the same bytes costs."""

import gc
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from time import thread_time
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from .common import configuration
from .predict import open_runner, read_document

if TYPE_CHECKING:
    from ..engine.runner import Failure, Predicted, Runner
    from ..text import OcrDocument

__all__ = ["Figures", "bench", "measure", "summary"]

T = TypeVar("T")

ROUNDS = 5


@click.group()
def bench() -> None:
    """Measure predictors against bare JSON decoding."""


@bench.command("predict")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--type", "types", multiple=True, metavar="T", help="Only predictors of this type; can be repeated.")
@click.option("--repeat", default=25, show_default=True, type=click.IntRange(min=1), help="Samples of each document.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def predict_(ctx: click.Context, files: tuple[Path, ...], types: tuple[str, ...], repeat: int, as_json: bool) -> None:
    """Compare predicting with decoding the same bytes.

    For each document: bare JSON decoding; decoding, parsing and all rules; the rules on a parsed document whose caches
    are cold. Each sample starts from new bytes. Printed are the medians over the documents.
    """
    from ..text import OcrError

    runner = open_runner(configuration(ctx), types)
    documents = []
    for path in files:
        try:
            documents.append((str(path), read_document(path)))
        except (OSError, EOFError, zlib.error) as error:
            raise click.ClickException(f"{path}: {error}") from None
    try:
        figures = measure(runner, documents, types, repeat)
    except OcrError as error:
        raise click.ClickException(str(error)) from None
    report = summary(figures)
    if as_json:
        click.echo(json.dumps(report))
    else:
        for key, value in report.items():
            if isinstance(value, dict):
                click.echo(f"{key}:")
                for name, milliseconds in value.items():
                    click.echo(f"  {name:<28} {milliseconds:.4f} ms")
            else:
                click.echo(f"{key:<14} {value}")
    failures = [(path, failure) for path, one in zip(files, figures, strict=True) for failure in one.failures]
    for path, failure in failures:
        click.echo(f"Error: {path}: {failure.component} {failure.kind}: {failure.reason}", err=True)
    if failures:
        ctx.exit(1)


@frozen
class Figures:
    """Of one document: its size, milliseconds (medians over the samples), and what was predicted."""

    characters: int
    decode_ms: float
    total_ms: float
    rules_ms: float
    components: dict[str, float]
    predictions: int
    failures: "tuple[Failure, ...]" = ()


def measure(
    runner: "Runner", documents: Sequence[tuple[str, bytes]], types: Iterable[str], repeat: int
) -> list[Figures]:
    """Measure *documents*, each with its source. Raises :class:`~robotoff_core.text.OcrError` for a malformed one.

    In a few rounds over all of them, so that what else happens on the machine for a while concerns all alike.
    """
    today = datetime.now(UTC).date()
    all_samples = [_Samples(runner, source, data, tuple(types) or None, today) for source, data in documents]
    for number in range(ROUNDS):
        for samples in all_samples:
            for _ in range(repeat * number // ROUNDS, repeat * (number + 1) // ROUNDS):
                samples.add()
    return [samples.figures() for samples in all_samples]


class _Samples:
    """The samples of one document."""

    def __init__(self, runner: "Runner", source: str, data: bytes, types: tuple[str, ...] | None, today: date) -> None:
        from ..text import OcrDocument

        self._data = data
        self._runner, self._types, self._today = runner, types, today
        self._document = OcrDocument.from_bytes(data, source=source)
        self._first = self._predict(self._document)  # builds what a process builds once
        self._decode: list[float] = []
        self._total: list[float] = []
        self._rules: list[float] = []
        self._components: dict[str, list[float]] = {name: [] for name in self._first.timings}

    def add(self) -> None:
        """One more sample of each kind."""
        import orjson

        from ..text import OcrDocument

        self._decode.append(_sample(_anew(self._data), orjson.loads)[0])
        self._total.append(_sample(_anew(self._data), self._whole)[0])
        parsed = OcrDocument.from_bytes(_anew(self._data))
        seconds, predicted = _sample(parsed, self._predict)
        self._rules.append(seconds)
        for name, spent in predicted.timings.items():
            self._components.setdefault(name, []).append(spent)

    def _predict(self, document: "OcrDocument") -> "Predicted":
        return self._runner.predict(document, types=self._types, today=self._today)

    def _whole(self, data: bytes) -> Any:
        """Decode, parse and predict; what is returned is freed outside the measured time."""
        from ..text import OcrDocument

        document = OcrDocument.from_bytes(data)
        return document, self._predict(document)

    def figures(self) -> Figures:
        """The medians so far."""
        return Figures(
            characters=len(self._document.text),
            decode_ms=median(self._decode) * 1000,
            total_ms=median(self._total) * 1000,
            rules_ms=median(self._rules) * 1000,
            components={name: median(spent) * 1000 for name, spent in self._components.items() if spent},
            predictions=sum(len(run.predictions) for run in self._first.runs),
            failures=self._first.failures,
        )


def summary(figures: list[Figures]) -> dict[str, Any]:
    """The report: counts are sums, milliseconds and ratios the medians of the documents' own."""
    names = dict.fromkeys(name for one in figures for name in one.components)
    return {
        "documents": len(figures),
        "characters": sum(one.characters for one in figures),
        "decode_ms": _median(one.decode_ms for one in figures),
        "total_ms": _median(one.total_ms for one in figures),
        "rules_ms": _median(one.rules_ms for one in figures),
        "ratio_total": _median(one.total_ms / one.decode_ms for one in figures),
        "ratio_rules": _median(one.rules_ms / one.decode_ms for one in figures),
        "components": {
            name: _median(one.components[name] for one in figures if name in one.components) for name in names
        },
        "predictions": sum(one.predictions for one in figures),
    }


def _anew(data: bytes) -> bytes:
    """Equal bytes in another place, so that nothing can be remembered by identity."""
    return bytes(bytearray(data))


def _sample(argument: T, work: Callable[[T], Any]) -> tuple[float, Any]:
    """The seconds of one call, without the collector's and without freeing the result; and the result.

    Processor time of this thread: all of it is computation, and other processes on the machine do not count.
    What is alive stays frozen from sample to sample: walking the whole heap each time would push code and data of what
    is measured out of the processor's caches, which no worker does between two documents.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        started = thread_time()
        result = work(argument)
        seconds = thread_time() - started
    finally:
        gc.enable()
    return seconds, result


def _median(values: Iterable[float]) -> float:
    return round(median(list(values) or [0.0]), 4)
