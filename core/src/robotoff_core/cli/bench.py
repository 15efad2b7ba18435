"""``robotoff bench``: what predicting costs, in units of what merely decoding the same bytes costs."""

import gc
import json
import zlib
from collections.abc import Callable, Iterable
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
    from ..engine.runner import Failure, Runner

__all__ = ["Figures", "bench", "measure", "summary"]

T = TypeVar("T")


@click.group()
def bench() -> None:
    """Measure predictors against bare JSON decoding."""


@bench.command("predict")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--type", "types", multiple=True, metavar="T", help="Only predictors of this type; can be repeated.")
@click.option("--repeat", default=9, show_default=True, type=click.IntRange(min=1), help="Samples of each document.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def predict_(ctx: click.Context, files: tuple[Path, ...], types: tuple[str, ...], repeat: int, as_json: bool) -> None:
    """Compare predicting with decoding the same bytes.

    For each document: bare JSON decoding; decoding, parsing and all rules; the rules on a parsed document whose caches
    are cold. Each sample starts from new bytes. Printed are the medians over the documents.
    """
    from ..text import OcrError

    runner = open_runner(configuration(ctx), types)
    figures = []
    for path in files:
        try:
            figures.append(measure(runner, read_document(path), types, repeat, source=str(path)))
        except OcrError as error:
            raise click.ClickException(str(error)) from None
        except (OSError, EOFError, zlib.error) as error:
            raise click.ClickException(f"{path}: {error}") from None
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


def measure(runner: "Runner", data: bytes, types: Iterable[str], repeat: int, *, source: str = "") -> Figures:
    """Measure one document. Raises :class:`~robotoff_core.text.OcrError` when it is malformed."""
    import orjson

    from ..text import OcrDocument

    wanted = tuple(types) or None
    today = datetime.now(UTC).date()
    document = OcrDocument.from_bytes(data, source=source)
    first = runner.predict(document, types=wanted, today=today)  # builds what a process builds once
    decode, total, rules = [], [], []
    components: dict[str, list[float]] = {name: [] for name in first.timings}
    for _ in range(repeat):
        decode.append(_sample(_anew(data), orjson.loads)[0])
        total.append(_sample(_anew(data), lambda anew: _whole(runner, anew, wanted, today))[0])
        parsed = OcrDocument.from_bytes(_anew(data))
        seconds, predicted = _sample(parsed, lambda cold: runner.predict(cold, types=wanted, today=today))
        rules.append(seconds)
        for name, spent in predicted.timings.items():
            components.setdefault(name, []).append(spent)
    return Figures(
        characters=len(document.text),
        decode_ms=median(decode) * 1000,
        total_ms=median(total) * 1000,
        rules_ms=median(rules) * 1000,
        components={name: median(spent) * 1000 for name, spent in components.items() if spent},
        predictions=sum(len(run.predictions) for run in first.runs),
        failures=first.failures,
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


def _whole(runner: "Runner", data: bytes, types: tuple[str, ...] | None, today: date) -> Any:
    """Decode, parse, apply the rules. The document is returned with the result, so that freeing it is not measured,
    as little as freeing the decoded JSON is."""
    from ..text import OcrDocument

    document = OcrDocument.from_bytes(data)
    return document, runner.predict(document, types=types, today=today)


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
