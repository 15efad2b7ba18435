"""``robotoff import``: load products, images, predictions or insights in bulk."""

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, cast

import click

from .database import opened, require_server_type
from .predict import read_document

if TYPE_CHECKING:
    from ..engine.bulk import Counts

__all__ = ["import_"]

PROGRESS_SECONDS = 1.0
KINDS = ("products", "images", "predictions", "insights")


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the lines are.")
@click.option("--server-type", default="off", show_default=True, help="For lines that name none.")
@click.option("--json", "as_json", is_flag=True, help="Print the final counts as JSON.")
@click.pass_context
def import_(ctx: click.Context, file: Path, kind: str, server_type: str, as_json: bool) -> None:
    """Load a file of JSON lines (plain or gzipped).

    A wrong line is refused with its number and reason, together with the rest of its run; everything else is loaded,
    and the exit code is 1. Loading a file again changes nothing.
    """
    from ..engine import bulk

    require_server_type(server_type)
    counts = bulk.Counts()
    progress = _Progress(counts)
    lines = _lines(file)
    try:
        with opened(ctx) as runtime:
            match kind:
                case "products":
                    bulk.load_products(runtime, lines, counts, progress, server_type)
                case "images":
                    folder = file.parent
                    bulk.load_images(
                        runtime, lines, counts, progress, server_type, lambda path: read_document(folder / path)
                    )
                case "predictions":
                    bulk.load_predictions(runtime, lines, counts, progress, server_type)
                case "insights":
                    bulk.load_insights(runtime, lines, counts, progress, server_type)
    except (bulk.LineError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        progress.report_refused()
        raise click.ClickException(f"{file}: after line {counts.lines}: {error}") from error
    progress.report_refused()
    if as_json:
        click.echo(
            json.dumps(
                {
                    "kind": kind,
                    "lines": counts.lines,
                    **counts.counts,
                    "refused_lines": counts.refused_lines,
                    "refused": [{"line": line, "reason": reason} for line, reason in counts.refused],
                }
            )
        )
    else:
        click.echo(progress.line())
    if counts.refused_lines or counts.counts.get("failures"):
        ctx.exit(1)


def _lines(file: Path) -> Iterator[bytes]:
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    with file.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    with cast(IO[bytes], gzip.open(file, "rb")) if zipped else file.open("rb") as opened:
        yield from opened


class _Progress:
    """One line on stderr, renewed at most every second while the load runs."""

    def __init__(self, counts: "Counts") -> None:
        self._counts = counts
        self._shown = self._started = monotonic()

    def __call__(self, counts: "Counts") -> None:
        if monotonic() - self._shown >= PROGRESS_SECONDS:
            self._shown = monotonic()
            click.echo(self.line(), err=True)

    def line(self) -> str:
        counts = self._counts
        elapsed = max(monotonic() - self._started, 1e-9)
        parts = [f"{number:,} {name}" for name, number in counts.counts.items()]
        refused = f", {counts.refused_lines:,} refused" if counts.refused_lines else ""
        loaded = ", ".join(parts) or "nothing loaded"
        return f"{counts.lines:,} lines ({counts.lines / elapsed:,.0f} a second): {loaded}{refused}"

    def report_refused(self) -> None:
        counts = self._counts
        for line, reason in counts.refused:
            click.echo(f"line {line}: {reason}", err=True)
        hidden = counts.refused_lines - len(counts.refused)
        if hidden > 0:
            click.echo(f"... and {hidden:,} more lines of refused runs", err=True)
