"""The hooks. Each one *registers typed objects*, once per process, after the plugin's settings are known.

pluggy is the registry, not the hot path: core calls what was registered one by one (see
:mod:`robotoff_core.components`). Every hook is optional. A hook that raises, or returns something of the wrong type,
puts its plugin (and no other) in the state ``failed``, with the reason in ``robotoff plugins list``, the API, health
and logs. Implementations may take fewer arguments than the specification.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .components import Annotator, HealthCheck, Importer, Predictor, QuestionFormatter
    from .model.lexicons import Lexicon
    from .plugins.contributions import Command, Migrations, Route

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "robotoff"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def robotoff_predictors(settings: Any) -> "Iterable[Predictor]":  # type: ignore[empty-body]
    """Predictors of this plugin.

    Purpose: say what can be predicted, from which source, at which version.
    Arguments: *settings*, the plugin's structured settings (``None`` without a settings class).
    Returns: predictor objects; names unique among all components and beginning with the slug.
    Called: once, when plugins load, in every process that predicts.
    On failure: the plugin becomes ``failed``.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_importers(settings: Any) -> "Iterable[Importer]":  # type: ignore[empty-body]
    """Importers, one per insight type that the plugin owns.

    Purpose: turn stored predictions into candidates, and say when two claims are the same.
    Arguments: *settings*, as above.
    Returns: importer objects whose ``type`` the manifest owns.
    Called: once, when plugins load.
    On failure: the plugin becomes ``failed``; its stored insights are kept, hidden, until it is back.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_annotators(settings: Any) -> "Iterable[Annotator]":  # type: ignore[empty-body]
    """Annotators, one per insight type that can be accepted.

    Purpose: say which edits an accepted insight means.
    Arguments: *settings*, as above.
    Returns: annotator objects whose ``type`` the manifest owns.
    Called: once, when plugins load.
    On failure: the plugin becomes ``failed``.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_question_formatters(settings: Any) -> "Iterable[QuestionFormatter]":  # type: ignore[empty-body]
    """Question formatters, one per insight type that is asked.

    Purpose: word the question in the reader's language.
    Arguments: *settings*, as above.
    Returns: formatter objects whose ``type`` the manifest owns.
    Called: once, when plugins load.
    On failure: the plugin becomes ``failed``.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_lexicons(settings: Any) -> "Iterable[Lexicon]":  # type: ignore[empty-body]
    """Lexicons: terms that core looks for in every document with one shared automaton.

    Purpose: dictionary look-ups that cost one scan for all plugins together; predictors read ``document.hits(name)``.
    Arguments: *settings*, as above.
    Returns: lexicons; names unique among all and beginning with the slug.
    Called: once, when plugins load; the automaton is built at the first document.
    On failure: the plugin becomes ``failed``.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_migrations() -> "Migrations":  # type: ignore[empty-body]
    """The plugin's own alembic history, for tables named ``<slug>_*``.

    Purpose: let a plugin own tables, without foreign keys to core's.
    Arguments: none.
    Returns: a :class:`~robotoff_core.api.Migrations` naming the package that holds the versions.
    Called: once, when plugins load, to see whether anything is pending; ``robotoff db ...`` runs what is.
    On failure: the plugin becomes ``failed``, as with a pending migration; nothing migrates at start.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_routes(settings: Any) -> "Iterable[Route]":  # type: ignore[empty-body]
    """HTTP routes below ``/api/v1/plugins/<slug>/``.

    Purpose: read models or tools that belong to this plugin alone.
    Arguments: *settings*, as above.
    Returns: routes; handlers are plain functions called under a deadline, in a process for the plugins' routes.
    Called: once, when plugins load, in every process (so that all of them know of a failure); served by the server.
    On failure: the plugin becomes ``failed``; a handler that raises answers 500 and is counted, one that hangs answers
    504 and is left out.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_commands(settings: Any) -> "Iterable[Command]":  # type: ignore[empty-body]
    """Commands ``robotoff <slug> <name>``.

    Purpose: building data files and other work of operators.
    Arguments: *settings*, as above.
    Returns: commands, each a name, a help line and a function of the remaining arguments that returns the exit code.
    Called: once, when plugins load; run when ``robotoff`` is given the plugin's slug as its command.
    On failure: the plugin becomes ``failed``; a raising command ends with exit code 1, plugin's name and reason.
    Since: hook API 1.0.
    """


@hookspec
def robotoff_health_checks(settings: Any) -> "Iterable[HealthCheck]":  # type: ignore[empty-body]
    """Health checks.

    Purpose: show on ``/api/v1/health`` that a plugin's data or partner is well.
    Arguments: *settings*, as above.
    Returns: named checks.
    Called: once, when plugins load; each check at most every few seconds, in threads of the server with a deadline.
    On failure: the plugin becomes ``failed``; a raising check makes health ``degraded`` and is named there; never 500.
    Since: hook API 1.0.
    """
