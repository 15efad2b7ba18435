"""What is forgotten, and what never is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from engine_kit import PRODUCT, facts_runtime

from robotoff_core.api import Drop, Insight
from robotoff_core.engine.handlers import TASKS
from robotoff_core.engine.votes import voter_key
from robotoff_core.model.answers import Voter
from robotoff_core.runtime import Runtime
from robotoff_core.store import DropSet, InsightEvent, JobSpec, JobState

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    runtime = facts_runtime(database_url, tmp_path, retention__votes=10, retention__why=10)
    yield runtime
    runtime.close()


def test_old_records_go_and_answers_stay(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Insight(uuid4(), PRODUCT, "fact", "en:a", "facts", n_votes=2)
    voters = [Voter(None, "device-1", "address-1"), Voter("ada", "device-2", "address-2")]
    with runtime.store.write() as tx:
        tx.insights.create([asked])
        tx.events.append([InsightEvent(asked.id, "created", NOW)])
        tx.drops.replace([DropSet(PRODUCT, "fact", (Drop("covered", "said already"),))], NOW)
        for voter in voters:
            key = voter_key(voter.username, voter.device_id, voter.address)
            tx.votes.cast(asked.id, key, voter, 1, True, NOW)
        tx.jobs.enqueue(JobSpec("refresh"), NOW)
        job = tx.jobs.claim("test", NOW, 60.0)
        assert job is not None
        tx.jobs.finish(job, NOW)
        tx.jobs.enqueue(JobSpec("refresh"), NOW)
    for days, left in ((9, (1, True, 1)), (11, (1, False, 1)), (31, (1, False, 0)), (731, (0, False, 0))):
        monkeypatch.setattr(runtime, "now", lambda days=days: NOW + timedelta(days=days))
        TASKS["clean_up"][1](runtime)
        with runtime.store.read() as tx:
            votes = tx.votes.of(asked.id)
            found = (
                len(tx.events.of(asked.id)),
                any(vote.device_id for vote in votes),
                len(tx.jobs.in_state(JobState.DONE)),
            )
            assert bool(tx.drops.of(PRODUCT)) == (days < 10)
            assert tx.insights.get(asked.id) == asked
        assert found == left
        assert [vote.value for vote in votes] == [1, 1]
        assert {vote.username for vote in votes} == {None, "ada"}
