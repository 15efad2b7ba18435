"""``robotoff jobs``: dead jobs are seen and replayed, periodic tasks paused and resumed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from robotoff_core.cli.main import cli
from robotoff_core.jobs.transport import Transport
from robotoff_core.store import JobSpec, JobState, Store
from robotoff_core.store.migrations import upgrade

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/var/robotoff.db"
    upgrade(url)
    made = Store(url)
    yield made
    made.close()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["jobs", *arguments])
    return result.exit_code, result.output


def test_dead_jobs_are_seen_and_replayed(store: Store, tmp_path: Path) -> None:
    assert run("list") == (0, "No such job.\n")
    with store.write() as tx:
        first, second, _ = tx.jobs.enqueue_all([JobSpec("k", {"n": n}, key="product") for n in range(3)], NOW)
        for _ in range(2):
            job = tx.jobs.claim("w", NOW, 60)
            assert job is not None
            tx.jobs.fail(job, "no luck", NOW, final=True)
    code, output = run("list", "--state", "dead")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == [str(first), str(second)]
    assert "no luck" in output
    code, output = run("list", "--json")
    assert [json.loads(line)["state"] for line in output.splitlines()] == ["pending", "dead", "dead"]
    assert run("replay", str(first)) == (0, f"{first} waits to run again\n")
    code, output = run("replay", str(first), "999")
    assert code == 1
    assert f"not dead or parked, or an equal job waits already: {first}, 999" in output
    assert run("replay", "--all-dead") == (0, f"{second} waits to run again\n")
    assert run("replay")[0] == 2
    with store.read() as tx:
        assert len(tx.jobs.in_state(JobState.PENDING)) == 3
    transport = Transport(file=tmp_path / "var" / "huey.db")
    assert [transport.receive(5 if left else 0.1) for left in (2, 1, 0)] == [first, second, None]
    transport.close()


def test_periodic_tasks_are_paused_and_resumed(store: Store) -> None:
    with store.write() as tx:
        tx.schedules.declare({"tidy": 60.0}, NOW)
        assert tx.schedules.claim("tidy", "me", NOW, 60)
        tx.schedules.record("tidy", "me", NOW, NOW + timedelta(seconds=2), "all is tidy")
    code, output = run("schedules")
    assert code == 0
    assert "next 2026-06-01 00:01:02, last 2026-06-01 00:00:00 for 2.0 s: all is tidy" in output
    assert run("pause", "tidy") == (0, "tidy is paused\n")
    assert "paused" in run("schedules")[1]
    assert run("resume", "tidy") == (0, "tidy is resumed\n")
    assert json.loads(run("schedules", "--json")[1])["paused"] is False
    code, output = run("pause", "nothing")
    assert code == 1
    assert "there is no periodic task nothing" in output


def test_a_database_without_tables_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run("list")
    assert code == 1
    assert "See `robotoff db check`" in output
