"""Connections: which databases we accept, how writers exclude each other, what is published after a commit."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from robotoff_core.config import ConfigError
from robotoff_core.model.ids import ProductId
from robotoff_core.store import JobSpec, Snapshot, Store
from robotoff_core.store.engine import database_url, make_parent
from robotoff_core.store.sql import insert_rows
from robotoff_core.store.tables import product_snapshot

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://u:hidden@h/d", "unsupported kind 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql+asyncpg://u:hidden@h/d", "unsupported kind"),
    ],
)
def test_other_databases_are_refused_without_their_password(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        Store(url)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_making_a_store_opens_nothing(scheme: str, tmp_path: Path) -> None:
    Store(f"{scheme}://nobody@127.0.0.1:1/none").close()
    Store(f"sqlite:///{tmp_path}/deep/er/x.db").close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_an_embedded_database_is_made(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/deep/er/x.db")
    store.create_all()
    with store.read() as tx:
        assert tx.connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert tx.connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    store.close()


def test_tables_fit_their_database(store: Store) -> None:
    names = set(inspect(store.engine).get_table_names())
    assert ("insight_tag" in names) == (store.engine.dialect.name == "sqlite")


def snapshot(number: int) -> Snapshot:
    return Snapshot(ProductId(f"{number:08}"), NOW)


def test_writers_wait_for_each_other_and_readers_do_not(store: Store) -> None:
    """A read that turns into a write must not fail because somebody else wrote in between."""

    def write(number: int) -> None:
        for offset in range(10):
            with store.write() as tx:
                tx.products.of([ProductId("1")])
                time.sleep(0.001)
                tx.products.upsert([snapshot(number * 100 + offset)])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    with store.read() as tx:
        tx.products.of([ProductId("1")])
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.connection.execute(text("SELECT count(*) FROM product_snapshot")).scalar_one() == 40


def test_a_savepoint_inside_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as tx:
            with tx.connection.begin_nested():
                tx.products.upsert([snapshot(1)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as tx:
        assert tx.products.of([ProductId("00000001")]) == {}


def test_jobs_are_published_after_the_commit_only(store: Store) -> None:
    published: list[Any] = []

    def publish(ids: Any) -> None:
        with store.read() as tx:
            published.extend(tx.jobs.get(job_id) for job_id in ids)

    store.publish = publish
    with store.write() as tx:
        first = tx.jobs.enqueue(JobSpec("k", {"n": 1}), NOW)
        second, same = tx.jobs.enqueue_all([JobSpec("k", {"n": 2}), JobSpec("k", {"n": 1})], NOW)
        assert not published
    assert [job.id for job in published] == [first, second]
    assert same == first

    def fail() -> None:
        with store.write() as tx:
            tx.jobs.enqueue(JobSpec("k", {"n": 3}), NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(published) == 2


def test_what_json_does_not_know_is_refused(store: Store) -> None:
    with store.write() as tx, pytest.raises(TypeError, match="not JSON serializable: object"):
        insert_rows(tx.connection, product_snapshot, [{"barcode": object()}])


def test_a_closed_store_opens_again(store: Store) -> None:
    with store.write() as tx:
        tx.products.upsert([snapshot(1)])
    store.close()
    store.close()
    with store.read() as tx:
        assert tx.products.of([ProductId("00000001")])


def test_a_folder_that_cannot_be_created_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"file/sub cannot be created .* `var` or `database`"):
        make_parent(database_url(f"sqlite:///{tmp_path}/file/sub/robotoff.db"))
