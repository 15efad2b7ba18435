"""Loading: from what is installed and configured to a registry of components and one record per plugin.

Nothing a plugin does here stops another one or the process: an import that raises or calls ``sys.exit``, a misspelt
hook, a type that is somebody else's, wrong settings. Each ends in a record with state, reason and next step. Only with
``strict`` does trouble raise :class:`PluginsError`.
"""

import contextlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define, evolve, field, frozen

from ..components import Annotator, HealthCheck, Importer, Predictor, QuestionFormatter
from ..model.lexicons import Lexicon
from . import checks
from .contributions import Command, Migrations, Route
from .discovery import Found, absent, decide, discover
from .limit import time_limit
from .manifest import Manifest, Quality, TypeSpec
from .records import ComponentRecord, OwnedType, PluginRecord, Registered, State, Trip, reasons
from .settings import SettingsError, plugin_settings

if TYPE_CHECKING:
    import pluggy

    from ..config import Config
    from ..text.lexicon import LexiconIndex

__all__ = ["PluginsError", "Registry", "load_plugins"]

logger = logging.getLogger("robotoff.plugins")
C = TypeVar("C")

LOAD_DEADLINE = 30.0
"""Seconds for importing one plugin, and for all its hooks together."""

PendingCheck = Callable[["Config", str, Migrations], "tuple[str, ...]"]
"""(config, slug, migrations) -> the pending revisions of that plugin; empty when its tables are up to date."""


class PluginsError(Exception):
    """With ``strict``, plugins in trouble stop the process; the text names each with reason and next step."""

    def __init__(self, records: Iterable[PluginRecord]) -> None:
        self.records = tuple(records)
        super().__init__(reasons(self.records))


@frozen(eq=False)
class Registry:
    """The components of the plugins that run, each with its plugin and name, and the record of every plugin.

    ``migrations`` also holds those of plugins that failed, so that a pending one can be run.
    """

    records: tuple[PluginRecord, ...] = ()
    types: Mapping[str, OwnedType] = field(factory=dict)
    predictors: tuple[Registered[Predictor], ...] = ()
    importers: Mapping[str, Registered[Importer]] = field(factory=dict)
    annotators: Mapping[str, Registered[Annotator]] = field(factory=dict)
    formatters: Mapping[str, Registered[QuestionFormatter]] = field(factory=dict)
    lexicon_list: tuple[Registered[Lexicon], ...] = field(factory=tuple, repr=False)
    routes: tuple[Registered[Route], ...] = ()
    commands: tuple[Registered[Command], ...] = ()
    health_checks: tuple[Registered[HealthCheck], ...] = ()
    migrations: Mapping[str, Migrations] = field(factory=dict)
    _cache: dict[str, Any] = field(factory=dict, init=False, repr=False)

    @property
    def lexicons(self) -> "LexiconIndex":
        """The shared matcher of all lexicons; the same object each time, built at the first document."""
        if "lexicons" not in self._cache:
            from ..text.lexicon import LexiconIndex

            self._cache["lexicons"] = LexiconIndex([one.component for one in self.lexicon_list])
        return cast("LexiconIndex", self._cache["lexicons"])

    @property
    def enabled_plugins(self) -> frozenset[str]:
        """The plugins whose components run (``enabled``, or ``tripped`` in part)."""
        return frozenset(record.slug for record in self.records if record.state.runs)

    def record(self, slug: str) -> PluginRecord:
        """The record of *slug*. Raises :class:`KeyError` when nothing installed or configured has that slug."""
        for record in self.records:
            if record.slug == slug:
                return record
        raise KeyError(slug)

    def owner_of_component(self, name: str) -> str | None:
        """The plugin that registered the component *name*."""
        for record in self.records:
            if any(part.name == name for part in record.components):
                return record.slug
        return None

    def with_trips(self, trips: Iterable[Trip]) -> "Registry":
        """The same registry with the records of *trips*' plugins and components showing ``tripped``.

        The components stay registered: whoever runs them leaves the tripped ones out by name.
        """
        by_name = {trip.component: trip for trip in trips}
        return evolve(self, records=tuple(_tripped(record, by_name) for record in self.records))


def _tripped(record: PluginRecord, trips: Mapping[str, Trip]) -> PluginRecord:
    if not record.state.runs:
        return record
    components = tuple(
        evolve(part, state=State.TRIPPED, reason=trips[part.name].reason)
        if part.name in trips
        else evolve(part, state=State.ENABLED, reason="")
        for part in record.components
    )
    out = [part for part in components if part.state is State.TRIPPED]
    if not out:
        return evolve(record, state=State.ENABLED, summary="", detail="", next_step="", components=components)
    names = ", ".join(part.name for part in out)
    return evolve(
        record,
        state=State.TRIPPED,
        summary=f"left out after failures: {names}",
        detail="; ".join(f"{part.name}: {part.reason}" for part in out),
        next_step=" ".join(f"Repair it, then run `robotoff plugins reset {part.name}`." for part in out),
        components=components,
    )


@define
class _Plugin:
    """One plugin on its way through loading."""

    slug: str
    record: PluginRecord
    load: Callable[[], object]
    instance: object = None
    manifest: Manifest | None = None
    settings: Any = None
    components: dict[str, list[Any]] = field(factory=dict)
    migrations: Migrations | None = None

    @property
    def alive(self) -> bool:
        return self.record.state is State.ENABLED

    def stop(self, state: State, summary: str, detail: str, next_step: str, error: BaseException | None = None) -> None:
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        self.record = evolve(
            self.record, state=state, summary=summary, detail=detail, next_step=next_step, traceback=trace
        )


def load_plugins(
    config: "Config",
    *,
    extra: Iterable[object] = (),
    pending: PendingCheck | None = None,
) -> Registry:
    """Load what *config* enables among the installed plugins.

    *extra*: plugin objects that are not installed (tests), loaded as if they were. *pending*: tells a plugin's pending
    migrations; without it none are looked for (a process without a database).

    Raises :class:`PluginsError` with ``config.strict`` when any plugin is in trouble, and nothing else.
    """
    plugins = list(_candidates(config, extra))
    for plugin in plugins:
        if plugin.alive:
            _import(plugin)
    ranked = sorted(plugins, key=lambda plugin: _rank(config, plugin))
    owners = _owners(ranked)
    manager = checks.hook_manager()
    for plugin in ranked:
        if plugin.alive:
            _configure(plugin, config)
        if plugin.alive:
            _register(plugin, manager)
        if plugin.alive and plugin.migrations is not None and pending is not None:
            _check_migrations(plugin, config, pending)
    registry = _assemble(plugins, owners, absent(config, [plugin.slug for plugin in plugins]))
    trouble = [record for record in registry.records if record.state.is_trouble]
    for record in trouble:
        logger.warning("plugin %s: %s: %s. %s", record.slug, record.state, record.reason, record.next_step)
        if record.traceback:
            logger.debug("plugin %s: %s", record.slug, record.traceback)
    if config.strict and trouble:
        raise PluginsError(trouble)
    return registry


def _candidates(config: "Config", extra: Iterable[object]) -> Iterator[_Plugin]:
    """Every installed plugin, the disabled and doubly provided ones already stopped; then the extra ones."""
    for slug, found in discover().items():
        decision = decide(config, slug)
        record = PluginRecord(
            slug,
            State.ENABLED,
            decided_by=decision.decided_by,
            version=found[0].version,
            distribution=found[0].distribution,
        )
        plugin = _Plugin(slug, record, found[0].entry_point.load)
        if not decision.enabled:
            plugin.record = evolve(record, state=State.DISABLED, summary="switched off")
        elif len(found) > 1:
            _stop_for_equal_slugs(plugin, found)
        yield plugin
    for instance in extra:
        slug = getattr(getattr(instance, "manifest", None), "slug", type(instance).__name__.lower())
        decision = decide(config, slug)
        record = PluginRecord(slug, State.ENABLED, decided_by=decision.decided_by, version="0", distribution="(given)")
        if not decision.enabled:
            record = evolve(record, state=State.DISABLED, summary="switched off")
        yield _Plugin(slug, record, lambda instance=instance: instance)  # type: ignore[misc]


def _stop_for_equal_slugs(plugin: _Plugin, found: list[Found]) -> None:
    names = " and ".join(f"{one.distribution} {one.version}".strip() for one in found)
    plugin.record = evolve(plugin.record, version="", distribution=", ".join(one.distribution for one in found))
    plugin.stop(
        State.FAILED,
        f"several packages provide a plugin called {plugin.slug}",
        names,
        f"Uninstall all but one of: {', '.join(one.distribution for one in found)}.",
    )


def _import(plugin: _Plugin) -> None:
    """Import the plugin's module and read its manifest."""
    upgrade = "Install a release of the plugin for this core, or upgrade robotoff-core."
    try:
        with _output_to_stderr(), time_limit(LOAD_DEADLINE):
            plugin.instance = plugin.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit at import; the others must run
        if isinstance(error, ImportError) and error.name == "robotoff_core.api":
            plugin.stop(State.INCOMPATIBLE, "it needs a name that this core's API lacks", str(error), upgrade, error)
            return
        next_step = f"Repair or upgrade {plugin.record.distribution or plugin.slug}, or disable the plugin."
        plugin.stop(State.FAILED, f"importing it raised {type(error).__name__}", str(error), next_step, error)
        return
    try:
        manifest = checks.check_manifest(plugin.instance, plugin.slug)
    except checks.IncompatibleError as error:
        _describe(plugin, getattr(plugin.instance, "manifest", None))
        plugin.stop(State.INCOMPATIBLE, str(error), "", upgrade)
        return
    except checks.PluginError as error:
        plugin.stop(State.FAILED, "its manifest is malformed", str(error), "Correct the plugin's manifest.")
        return
    plugin.manifest = manifest
    _describe(plugin, manifest)


def _describe(plugin: _Plugin, manifest: Manifest | None) -> None:
    if manifest is not None:
        plugin.record = evolve(
            plugin.record,
            title=str(manifest.title),
            quality=str(manifest.quality),
            hook_api=manifest.hook_api,
            owns=manifest.owns,
            produces=manifest.produces,
            reads=manifest.reads,
        )


def _rank(config: "Config", plugin: _Plugin) -> tuple[int, int, str]:
    """Who is served first when two plugins claim the same type: the operator's order in ``plugins.enabled``, then a
    stable plugin before an experimental one, then the slug."""
    order = config.plugins.enabled or ()
    place = order.index(plugin.slug) if plugin.slug in order else len(order)
    stable = plugin.manifest is not None and plugin.manifest.quality is Quality.STABLE
    return place, 0 if stable else 1, plugin.slug


def _owners(ranked: list[_Plugin]) -> dict[str, _Plugin]:
    """Who owns each type; later claimants are stopped. A plugin keeps its types even if its settings are wrong: nobody
    takes over another's insights because that one is down."""
    owners: dict[str, _Plugin] = {}
    for plugin in ranked:
        if plugin.manifest is None or not plugin.alive:
            continue
        taken = [spec.name for spec in plugin.manifest.owns if spec.name in owners]
        if taken:
            other = owners[taken[0]]
            plugin.stop(
                State.FAILED,
                f"it owns type {taken[0]}, which plugin {other.slug} owns too",
                "",
                f"Disable {plugin.slug} or {other.slug}; the first one in plugins.enabled is served.",
            )
            continue
        owners.update({spec.name: plugin for spec in plugin.manifest.owns})
    return owners


def _configure(plugin: _Plugin, config: "Config") -> None:
    assert plugin.manifest is not None
    try:
        plugin.settings = plugin_settings(config, plugin.slug, plugin.manifest.settings)
    except SettingsError as error:
        plugin.stop(
            State.MISCONFIGURED,
            f"its settings are wrong: {', '.join(error.keys)}",
            str(error),
            "Correct these keys; `robotoff plugins check` tries again.",
        )
    except Exception as error:  # noqa: BLE001 - a settings class is the plugin's code
        plugin.stop(
            State.FAILED,
            f"its settings class raised {type(error).__name__}",
            str(error),
            "Correct the plugin's settings class.",
            error,
        )


def _register(plugin: _Plugin, manager: "pluggy.PluginManager") -> None:
    """Call the plugin's hooks, one by one, and check what they return."""
    assert plugin.manifest is not None
    hook = ""
    try:
        with _output_to_stderr(), time_limit(LOAD_DEADLINE):
            checks.check_hooks(manager, plugin.instance, plugin.slug)
            for caller in manager.get_hookcallers(plugin.instance) or []:
                hook = caller.name
                for implementation in caller.get_hookimpls():
                    if implementation.plugin is not plugin.instance:
                        continue
                    given = {"settings": plugin.settings}
                    returned = implementation.function(*[given[name] for name in implementation.argnames])
                    if hook == "robotoff_migrations":
                        plugin.migrations = _migrations(returned, plugin.slug)
                    else:
                        plugin.components[hook] = checks.collect(hook, returned, plugin.manifest)
    except KeyboardInterrupt:
        raise
    except checks.PluginError as error:
        summary = f"what hook {hook} returned is malformed" if hook else "its hooks are malformed"
        plugin.stop(State.FAILED, summary, str(error), "Correct the plugin; `robotoff plugins check` tries again.")
    except BaseException as error:  # noqa: BLE001 - the isolation of plugins: a hook may raise anything
        where = f"hook {hook}" if hook else "reading its hooks"
        plugin.stop(
            State.FAILED,
            f"{where} raised {type(error).__name__}",
            str(error),
            f"Repair {plugin.record.distribution or plugin.slug}, or disable the plugin.",
            error,
        )


def _migrations(returned: Any, slug: str) -> Migrations:
    if not isinstance(returned, Migrations):
        raise checks.PluginError(f"hook robotoff_migrations returned a {type(returned).__name__} instead of Migrations")
    foreign = [table for table in returned.tables if not table.startswith(f"{slug}_")]
    if foreign:
        raise checks.PluginError(f"hook robotoff_migrations: tables must begin with `{slug}_`: {', '.join(foreign)}")
    return returned


def _check_migrations(plugin: _Plugin, config: "Config", pending: PendingCheck) -> None:
    assert plugin.migrations is not None
    try:
        revisions = pending(config, plugin.slug, plugin.migrations)
    except Exception as error:  # noqa: BLE001 - reading the history runs the plugin's files
        plugin.stop(
            State.FAILED,
            f"reading its migrations raised {type(error).__name__}",
            str(error),
            "`robotoff db status` tells more.",
            error,
        )
        return
    if revisions:
        plugin.stop(
            State.FAILED,
            f"{len(revisions)} pending migration{'s' if len(revisions) > 1 else ''}",
            ", ".join(revisions),
            "Run `robotoff db upgrade`, then restart.",
        )


def _assemble(plugins: list[_Plugin], owners: Mapping[str, _Plugin], others: list[PluginRecord]) -> Registry:
    running = [plugin for plugin in plugins if plugin.alive]

    def all_of(hook: str) -> tuple[Registered[Any], ...]:
        kind = checks.KINDS[hook][0]
        return tuple(
            Registered(plugin.slug, checks.component_name(kind, plugin.slug, component), component, plugin.settings)
            for plugin in running
            for component in plugin.components.get(hook, [])
        )

    def by_type(hook: str) -> Mapping[str, Registered[Any]]:
        return MappingProxyType({registered.component.type: registered for registered in all_of(hook)})

    predictors = all_of("robotoff_predictors")
    produced = {name for registered in predictors for name in registered.component.produces}
    records = [evolve(_finished(plugin), waiting_for=_waiting(plugin, produced)) for plugin in plugins]
    types: dict[str, OwnedType] = {
        name: OwnedType(_spec(plugin, name), plugin.slug) for name, plugin in owners.items() if plugin.alive
    }
    return Registry(
        records=tuple(sorted([*records, *others], key=lambda record: record.slug)),
        types=MappingProxyType(types),
        predictors=predictors,
        importers=by_type("robotoff_importers"),
        annotators=by_type("robotoff_annotators"),
        formatters=by_type("robotoff_question_formatters"),
        lexicon_list=all_of("robotoff_lexicons"),
        routes=all_of("robotoff_routes"),
        commands=all_of("robotoff_commands"),
        health_checks=all_of("robotoff_health_checks"),
        migrations={plugin.slug: plugin.migrations for plugin in plugins if plugin.migrations is not None},
    )


def _spec(plugin: _Plugin, name: str) -> TypeSpec:
    assert plugin.manifest is not None
    return next(spec for spec in plugin.manifest.owns if spec.name == name)


def _waiting(plugin: _Plugin, produced: set[str]) -> tuple[str, ...]:
    if not plugin.alive or plugin.manifest is None:
        return ()
    return tuple(name for name in plugin.manifest.reads if name not in produced)


def _finished(plugin: _Plugin) -> PluginRecord:
    """The record with the plugin's components, when it runs."""
    if not plugin.alive:
        return plugin.record
    components = [
        ComponentRecord(
            checks.component_name(checks.KINDS[hook][0], plugin.slug, component),
            checks.KINDS[hook][0],
            version=getattr(component, "version", ""),
        )
        for hook, found in plugin.components.items()
        for component in found
    ]
    return evolve(plugin.record, components=tuple(sorted(components, key=lambda part: (part.kind, part.name))))


@contextlib.contextmanager
def _output_to_stderr() -> Iterator[None]:
    """What a plugin prints while loading goes to the error output: the standard one may be a data stream."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
