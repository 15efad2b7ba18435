"""The breaker: a component that fails several times in a row, hangs or crashes is left out until somebody resets it.

The state lives in the store, so that workers, the server and the command line agree, and a restart keeps it. What a
process counts (failures in a row) is its own.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from .records import Trip

if TYPE_CHECKING:
    from ..config import Config
    from ..store import Store
    from .registry import Registry

__all__ = ["AT_ONCE", "Breaker", "Failed", "read_trips", "require_untripped", "reset_trips"]

AT_ONCE = frozenset({"deadline", "crashed"})
"""Kinds of failure that cost a whole process: one is enough."""

REFRESH = 2.0
"""Seconds for which a process believes what it last read of the others' trips and resets."""


class Failed(Protocol):
    """What the breaker reads of an ``engine.runner.Failure``."""

    @property
    def component(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Breaker:
    """Counts failures in a row, trips components, and tells which ones to leave out. Threads may share it.

    *after*: failures in a row that trip a component. The store is read at most every :data:`REFRESH` seconds, and never
    inside a caller's transaction if the caller calls :meth:`tripped` before it opens one.
    """

    def __init__(self, store: "Store", after: int = 5, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._after = after
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row: dict[str, int] = {}
        self._trips: dict[str, Trip] = {}
        self._read_at: float | None = None

    def tripped(self) -> frozenset[str]:
        """The names of the components to leave out now."""
        self._refresh()
        return frozenset(self._trips)

    def trips(self) -> tuple[Trip, ...]:
        """The tripped components with their reasons, by name."""
        self._refresh()
        return tuple(self._trips[name] for name in sorted(self._trips))

    def apply(self, registry: "Registry") -> "Registry":
        """*registry* with its records showing what is tripped now: for health and listings."""
        return registry.with_trips(self.trips())

    def observe(self, ran: Iterable[str], failures: Collection[Failed]) -> list[Trip]:
        """Count the outcome of one call: *ran* are the components that were called. Returns what was tripped by it.

        Call it outside any transaction: a trip is written at once.
        """
        failed = {failure.component: failure for failure in failures if failure.component}
        due: list[Failed] = []
        with self._lock:
            for component in ran:
                if component not in failed:
                    self._in_a_row.pop(component, None)
            for component, failure in failed.items():
                count = self._in_a_row[component] = self._in_a_row.get(component, 0) + 1
                if failure.kind in AT_ONCE or count >= self._after:
                    due.append(failure)
        return [
            self.trip(
                failure.component,
                failure.plugin,
                failure.reason if failure.kind in AT_ONCE else f"failed {self._after} times in a row: {failure.reason}",
            )
            for failure in due
        ]

    def trip(self, component: str, plugin: str, reason: str) -> Trip:
        """Leave *component* out from now on, in every process."""
        now = datetime.now(UTC)
        with self._store.write() as tx:
            tx.components.trip(component, plugin, reason, now)
        trip = Trip(component, plugin, reason, now.isoformat())
        with self._lock:
            self._trips.setdefault(component, trip)
            self._in_a_row.pop(component, None)
        return trip

    def _refresh(self) -> None:
        with self._lock:
            now = self._clock()
            if self._read_at is not None and now - self._read_at < REFRESH:
                return
            self._read_at = now
        with self._store.read() as tx:
            rows = tx.components.all()
        with self._lock:
            self._trips = {
                row.component: Trip(row.component, row.plugin, row.reason, row.at.isoformat()) for row in rows
            }


def read_trips(config: "Config") -> tuple[Trip, ...]:
    """What is tripped according to the database of *config*; nothing while there is no database yet.

    For the command line: a SQLite file is read directly, which spares loading the whole store.
    """
    path = _sqlite_file(config.database)
    if path is None:
        from ..store import Store

        with Store(config.database).read() as tx:
            rows = [(row.component, row.plugin, row.reason, row.at.isoformat()) for row in tx.components.all()]
    elif not path.is_file():
        rows = []
    else:
        rows = _read_sqlite(path)
    return tuple(Trip(*row) for row in rows)


def require_untripped(registry: "Registry", config: "Config") -> None:
    """For ``strict``, at a process's start.

    Raises :class:`~robotoff_core.plugins.registry.PluginsError` when a component that would run here is tripped.
    """
    from .registry import PluginsError

    trouble = [record for record in registry.with_trips(read_trips(config)).records if record.state.is_trouble]
    if trouble:
        raise PluginsError(trouble)


def _sqlite_file(url: str) -> Path | None:
    scheme, found, rest = url.partition("://")
    if not found or not scheme.startswith("sqlite"):
        return None
    return Path(rest.removeprefix("/").partition("?")[0])


def _read_sqlite(path: Path) -> list[tuple[str, str, str, str]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'component_state'").fetchone()
        if known is None:
            return []  # the file exists, its tables do not yet
        query = "SELECT component, plugin, reason, at FROM component_state ORDER BY component"
        return connection.execute(query).fetchall()


def reset_trips(config: "Config", name: str) -> tuple[Trip, ...]:
    """Put the component called *name*, or all of the plugin with that slug, back to work; returns what was tripped."""
    found = tuple(trip for trip in read_trips(config) if name in (trip.component, trip.plugin))
    if found:
        from ..store import Store

        with Store(config.database).write() as tx:
            for trip in found:
                tx.components.reset(trip.component)
    return found
