"""The runtime: everything a process needs, made once from the configuration and handed to whoever works with it."""

import os
import signal
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Config
from .documents import Documents
from .engine.runner import Failure, Runner
from .identity import Identity, LocalAccounts
from .plugins.breaker import Breaker, require_untripped
from .plugins.pending import pending_migrations
from .plugins.records import PluginRecord
from .plugins.registry import PluginsError, Registry, load_plugins
from .products import NoProducts, ProductSource, ProductWriter
from .products.recording import RecordingProducts
from .store import Store
from .taxonomy import Taxonomies

if TYPE_CHECKING:
    from .jobs.host import IsolatedRunner

__all__ = ["Runtime"]


class Runtime:
    """One per process. ``runner`` runs components; ``interactive_runner`` does it for people who wait."""

    def __init__(
        self,
        config: Config,
        registry: Registry,
        store: Store,
        taxonomies: Taxonomies,
        products: ProductSource,
        writer: ProductWriter,
        *,
        isolated: bool = False,
    ) -> None:
        self.config = config
        self.registry = registry
        self.store = store
        self.taxonomies = taxonomies
        self.products = products
        self.writer = writer
        self.documents = Documents(config.var / "documents")
        self.identity: Identity = LocalAccounts(config.accounts)
        self.breaker = Breaker(store, after=config.jobs.trip_after)
        self.runner_inline = Runner(registry, taxonomies)
        self._isolated = isolated
        self._fatal: PluginsError | None = None
        # Their processes start with the first call. Those who wait for an answer never wait behind a document.
        self.runner = self._new_runner()
        self.interactive_runner = self._new_runner()

    @classmethod
    def open(cls, config: Config, *, isolated: bool = False, registry: Registry | None = None) -> "Runtime":
        """The runtime that *config* describes. Keeps no connection open yet.

        *isolated*: components run in a child process under a deadline (server and workers), else in this process
        (command line). Raises :class:`~robotoff_core.plugins.registry.PluginsError` with ``strict`` when a plugin is
        in trouble.
        """
        products = RecordingProducts(Path(config.products.file)) if config.products.file else NoProducts()
        if registry is None:
            registry = load_plugins(config, pending=pending_migrations)
        if config.strict:
            require_untripped(registry, config)
        return cls(
            config,
            registry,
            Store(config.database),
            Taxonomies(config.taxonomies, config.var / "taxonomies"),
            products,
            products,
            isolated=isolated,
        )

    def _new_runner(self) -> "Runner | IsolatedRunner":
        if not self._isolated:
            return self.runner_inline
        from .jobs.host import IsolatedRunner

        return IsolatedRunner(self.config, self.registry)

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)

    def observe(self, ran: Iterable[str], failures: Sequence[Failure]) -> None:
        """Tell the breaker how one call went: the components that ran, and those of them that failed.

        With ``strict``, a component that trips ends a server or worker: it is asked to stop, and :meth:`close` raises.
        """
        trips = self.breaker.observe(ran, [failure for failure in failures if failure.kind != "tripped"])
        if trips and self.config.strict and self._fatal is None:
            slugs = {trip.plugin for trip in trips}
            records = self.registry.with_trips(trips).records
            self._fatal = PluginsError(record for record in records if record.slug in slugs)
            if self._isolated:
                os.kill(os.getpid(), signal.SIGTERM)

    def plugin_records(self) -> tuple[PluginRecord, ...]:
        """The record of every plugin, with what is tripped now."""
        return self.breaker.apply(self.registry).records

    def close(self) -> None:
        """Stop child processes and close connections.

        Raises :class:`~robotoff_core.plugins.registry.PluginsError` with ``strict`` when a component tripped meanwhile.
        """
        for runner in (self.runner, self.interactive_runner):
            if not isinstance(runner, Runner):
                runner.close()
        self.store.close()
        if self._fatal is not None:
            raise self._fatal
