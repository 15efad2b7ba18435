"""``robotoff worker``: run jobs until told to stop."""

import logging
import signal
import threading
from typing import Any

import click

from .common import configuration

__all__ = ["worker"]


@click.command()
@click.option("--threads", type=click.IntRange(1), help="Jobs at the same time (default: jobs.workers).")
@click.option("--scheduler/--no-scheduler", default=True, help="Run periodic tasks too (several processes may).")
@click.pass_context
def worker(ctx: click.Context, threads: int | None, scheduler: bool) -> None:
    """Run the workers of the job queue until SIGTERM or SIGINT; running jobs are finished first.

    Exit code 1 when some could not be finished in time: another worker runs them again.
    """
    config = configuration(ctx, {"jobs.workers": threads})
    from sqlalchemy.exc import SQLAlchemyError

    from ..jobs.process import run_worker
    from ..runtime import Runtime
    from ..store.migrations import histories, standing

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        core = standing(config.database, histories()[0])
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise click.ClickException(f"the database does not answer: {reason}. Check the setting `database`.") from None
    if not core.ready:
        raise click.ClickException("the tables are not those of this version; run `robotoff db upgrade` first")
    stop = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        # Not in this very thread: it may be inside stop.wait(), holding the lock that set() needs.
        threading.Thread(target=stop.set).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    runtime = Runtime.open(config, isolated=True)
    try:
        finished = run_worker(runtime, stop, scheduler=scheduler)
    finally:
        runtime.close()
    if not finished:
        ctx.exit(1)
