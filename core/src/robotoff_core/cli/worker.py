"""``robotoff worker``: run jobs until told to stop."""

import logging
import signal
import threading
from typing import Any

import click

from .common import configuration
from .database import require_database

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
    from ..jobs.process import run_worker
    from ..runtime import Runtime

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    require_database(config, embedded="expected")
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
