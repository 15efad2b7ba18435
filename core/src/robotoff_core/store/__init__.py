"""The store: tables, transactions and repositories on SQLite and PostgreSQL.

    store = Store("sqlite:///var/robotoff.db")
    with store.write() as tx:
        tx.predictions.store_runs(runs, now)

A transaction holds no network, disk or model call besides the database's own. Every repository takes batches and
needs one statement for each.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from ..model.ids import ProductId
from .edits import Edits
from .engine import WRITE, create_engine, database_url, make_parent
from .events import Events
from .facts import Components, Drops, ImagePredictions, Images, Products
from .insights import Insights
from .predictions import Predictions
from .records import (
    ComponentState,
    DropSet,
    EditState,
    ImagePredictionRow,
    ImageRow,
    InsightEvent,
    InsightFilter,
    InsightOrder,
    Job,
    JobSpec,
    JobState,
    Lane,
    OutboxEdit,
    RunInfo,
    ScheduleRow,
    Snapshot,
    StoredRuns,
    Vote,
)
from .votes import Votes

if TYPE_CHECKING:
    from ..jobs.ledger import Ledger
    from ..jobs.schedules import Schedules

__all__ = [
    "ComponentState",
    "DropSet",
    "EditState",
    "ImagePredictionRow",
    "ImageRow",
    "InsightEvent",
    "InsightFilter",
    "InsightOrder",
    "Job",
    "JobSpec",
    "JobState",
    "Lane",
    "OutboxEdit",
    "RunInfo",
    "ScheduleRow",
    "Snapshot",
    "Store",
    "StoredRuns",
    "Tx",
    "Vote",
]


class Tx:
    """One open transaction and its repositories. Made by :meth:`Store.read` and :meth:`Store.write` only."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def predictions(self) -> Predictions:
        """Predictions and their runs."""
        return Predictions(self.connection)

    @cached_property
    def insights(self) -> Insights:
        """Insights, and searches among them."""
        return Insights(self.connection)

    @cached_property
    def votes(self) -> Votes:
        """The votes on insights."""
        return Votes(self.connection)

    @cached_property
    def events(self) -> Events:
        """The log of insights."""
        return Events(self.connection)

    @cached_property
    def edits(self) -> Edits:
        """The outbox."""
        return Edits(self.connection)

    @cached_property
    def drops(self) -> Drops:
        """Why candidates were dropped."""
        return Drops(self.connection)

    @cached_property
    def products(self) -> Products:
        """Snapshots of products."""
        return Products(self.connection)

    @cached_property
    def images(self) -> Images:
        """Uploaded images."""
        return Images(self.connection)

    @cached_property
    def image_predictions(self) -> ImagePredictions:
        """Outputs of models on images."""
        return ImagePredictions(self.connection)

    @cached_property
    def components(self) -> Components:
        """Components that are switched off."""
        return Components(self.connection)

    @cached_property
    def jobs(self) -> "Ledger":
        """The ledger of jobs."""
        from ..jobs.ledger import Ledger

        return Ledger(self.connection)

    @cached_property
    def schedules(self) -> "Schedules":
        """The periodic tasks."""
        from ..jobs.schedules import Schedules

        return Schedules(self.connection)

    def lock_products(self, products: Sequence[ProductId]) -> None:
        """Wait until no other transaction holds one of *products*, and hold them until this one ends.

        For work that reads and then writes a product outside its jobs. On SQLite a write transaction excludes all
        others anyway.
        """
        if self.connection.dialect.name != "postgresql" or not products:
            return
        # sorted, so that two batches never wait for each other
        self.connection.execute(
            text(
                "SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(p, 0) AS h "
                "FROM unnest(CAST(:products AS text[])) AS p ORDER BY 1) AS sorted"
            ),
            {"products": [str(product) for product in products]},
        )


class Store:
    """A database. Making one opens nothing; threads may share it.

    *publish* is called with the ids of the jobs that a committed transaction enqueued.
    """

    def __init__(
        self, url: str, *, publish: Callable[[Sequence[int]], object] | None = None, pool_size: int = 10
    ) -> None:
        """Raises :class:`ValueError` for a URL that is not a SQLite file's or a PostgreSQL database's."""
        self.url = database_url(url)
        self.publish = publish
        self._pool_size = pool_size

    @cached_property
    def engine(self) -> Engine:
        """The engine; the folder of an embedded database is made at first use."""
        make_parent(self.url)
        return create_engine(self.url.render_as_string(hide_password=False), pool_size=self._pool_size)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads."""
        with self.engine.connect() as connection, connection.begin():
            yield Tx(connection)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that writes; it is committed at the end of the block, or rolled back when the block raises.

        Jobs enqueued in it are published after the commit. Should that fail the sweeper publishes them again.
        """
        with self.engine.connect().execution_options(**{WRITE: True}) as connection:
            with connection.begin():
                tx = Tx(connection)
                yield tx
            enqueued = tx.jobs.enqueued if "jobs" in tx.__dict__ else []
        if enqueued and self.publish is not None:
            self.publish(enqueued)

    def create_all(self) -> None:
        """Create every table directly, without migrations: for tests and throw-away databases."""
        from .tables import metadata

        make_parent(self.url)
        tables = [
            table for table in metadata.sorted_tables if table.info.get("dialect", self.url.get_backend_name())
            == self.url.get_backend_name()
        ]  # fmt: skip
        with self.engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
            metadata.create_all(connection, tables=tables)

    def close(self) -> None:
        """Close all connections; the store may be used again."""
        if "engine" in self.__dict__:
            self.engine.dispose()
            del self.__dict__["engine"]
