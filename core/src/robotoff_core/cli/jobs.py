"""``robotoff jobs``: what waits, runs or failed in the ledger, and the periodic tasks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from attrs import asdict
from sqlalchemy.exc import SQLAlchemyError

from ..jobs.transport import Transport
from ..store import Job, JobState, ScheduleRow, Store
from .common import configuration

__all__ = ["jobs"]

_UNSETTLED = (JobState.RUNNING, JobState.PENDING, JobState.DEAD, JobState.PARKED)


@click.group()
def jobs() -> None:
    """Inspect and replay jobs; pause and resume periodic tasks."""


@contextmanager
def _store(ctx: click.Context) -> Iterator[Store]:
    config = configuration(ctx)
    transport = Transport(file=config.var / "huey.db", redis=config.redis)
    try:
        store = Store(config.database, publish=transport.publish)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    try:
        yield store
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise click.ClickException(
            f"the database does not answer as it should: {reason}. See `robotoff db check`."
        ) from None
    finally:
        store.close()
        transport.close()


@jobs.command("list")
@click.option("--state", type=click.Choice([str(state) for state in JobState]), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many of each state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_context
def list_(ctx: click.Context, state: str | None, limit: int, as_json: bool) -> None:
    """List running, waiting, dead and parked jobs (finished ones with --state done)."""
    with _store(ctx) as store, store.read() as tx:
        states = [JobState(state)] if state else list(_UNSETTLED)
        found = [job for one in states for job in tx.jobs.in_state(one, limit=limit)]
    for job in found:
        click.echo(json.dumps(asdict(job), default=str) if as_json else _job_line(job))
    if not found and not as_json:
        click.echo("No such job.")


def _job_line(job: Job) -> str:
    attempts = f"{job.attempts}/{job.max_attempts}"
    error = f"  {job.last_error}" if job.last_error else ""
    return f"{job.id:>8}  {job.state:<8} {job.lane:<6} {attempts:<6} {job.kind:<18} {job.key or '-'}{error}"


@jobs.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all-dead", is_flag=True, help="Every dead job.")
@click.pass_context
def replay(ctx: click.Context, ids: tuple[int, ...], all_dead: bool) -> None:
    """Let dead or parked jobs run again, with all their attempts."""
    if bool(ids) == all_dead:
        raise click.UsageError("name the jobs, as `robotoff jobs list` does, or give --all-dead")
    with _store(ctx) as store, store.write() as tx:
        chosen = [job.id for job in tx.jobs.in_state(JobState.DEAD, limit=10_000)] if all_dead else ids
        revived = tx.jobs.replay(chosen, datetime.now(UTC))
    for job_id in sorted(revived):
        click.echo(f"{job_id} waits to run again")
    left = sorted(set(ids) - revived)
    if left:
        listed = ", ".join(map(str, left))
        raise click.ClickException(f"not replayed, because not dead or parked, or an equal job waits already: {listed}")


@jobs.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_context
def schedules(ctx: click.Context, as_json: bool) -> None:
    """List the periodic tasks: last run, duration, outcome, next run."""
    with _store(ctx) as store, store.read() as tx:
        rows = tx.schedules.all()
    for row in rows:
        click.echo(json.dumps(asdict(row), default=str) if as_json else _schedule_line(row))


def _schedule_line(row: ScheduleRow) -> str:
    last = "never"
    if row.last_run is not None:
        last = f"{row.last_run:%Y-%m-%d %H:%M:%S} for {row.last_duration:.1f} s: {row.last_outcome}"
    following = "paused" if row.paused else f"next {row.next_run:%Y-%m-%d %H:%M:%S}"
    return f"{row.name}  every {row.interval:g} s, {following}, last {last}"


@jobs.command()
@click.argument("name")
@click.pass_context
def pause(ctx: click.Context, name: str) -> None:
    """Do not run the periodic task NAME until it is resumed."""
    _set_paused(ctx, name, True)


@jobs.command()
@click.argument("name")
@click.pass_context
def resume(ctx: click.Context, name: str) -> None:
    """Let the periodic task NAME run again."""
    _set_paused(ctx, name, False)


def _set_paused(ctx: click.Context, name: str, paused: bool) -> None:
    with _store(ctx) as store, store.write() as tx:
        known = tx.schedules.pause(name, paused)
    if not known:
        raise click.ClickException(f"there is no periodic task {name}; `robotoff jobs schedules` lists them")
    click.echo(f"{name} is {'paused' if paused else 'resumed'}")
