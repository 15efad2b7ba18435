"""What a plugin must be to be loaded: its manifest, its hooks, and each thing they return. Used by the registry and by
the conformance kit, so that both refuse the same."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pluggy

from .. import components as kinds
from .. import hookspecs
from ..model.lexicons import Boundary, Lexicon
from . import contributions
from .discovery import is_slug
from .manifest import HOOK_API, Manifest, Quality, TypeSpec

__all__ = [
    "IncompatibleError",
    "PluginError",
    "check_hooks",
    "check_manifest",
    "collect",
    "component_name",
    "hook_manager",
]


class PluginError(Exception):
    """The plugin breaks the contract; the text says how, naming hook, component or attribute."""


class IncompatibleError(PluginError):
    """The plugin was written for a hook API that this core does not offer."""


KINDS: dict[str, tuple[str, type]] = {
    "robotoff_predictors": ("predictor", kinds.Predictor),
    "robotoff_importers": ("importer", kinds.Importer),
    "robotoff_annotators": ("annotator", kinds.Annotator),
    "robotoff_question_formatters": ("formatter", kinds.QuestionFormatter),
    "robotoff_lexicons": ("lexicon", Lexicon),
    "robotoff_routes": ("route", contributions.Route),
    "robotoff_commands": ("command", contributions.Command),
    "robotoff_health_checks": ("health", kinds.HealthCheck),
}
"""The hooks that return several components: their kind's name and class."""

_BY_TYPE = ("importer", "annotator", "formatter")


def check_manifest(plugin: object, slug: str) -> Manifest:
    """The manifest of *plugin*, whose entry point is called *slug*.

    Raises :class:`PluginError` when it is malformed, :class:`IncompatibleError` when its hook API is not ours.
    """
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(manifest, Manifest):
        raise PluginError(
            f"the entry point's object ({type(plugin).__name__}) has no `manifest` that is a robotoff_core.api.Manifest"
        )
    if not _is_version(manifest.hook_api):
        raise PluginError(f"manifest.hook_api must be two numbers such as {HOOK_API}, not {manifest.hook_api!r}")
    major, minor = manifest.hook_api
    if major != HOOK_API[0] or minor > HOOK_API[1]:
        ours = ".".join(map(str, HOOK_API))
        raise IncompatibleError(f"it was written for hook API {major}.{minor}, this core offers {ours}")
    if not is_slug(slug):
        raise PluginError(
            f"the slug {slug!r} must be lower-case letters, digits and underscores, and not a reserved word"
        )
    if manifest.slug != slug:
        raise PluginError(f"manifest.slug is {manifest.slug!r}, but its entry point is called {slug!r}")
    if not isinstance(manifest.quality, Quality):
        raise PluginError(f"manifest.quality must be a Quality, not {manifest.quality!r}")
    names: list[str] = []
    for spec in manifest.owns:
        if not isinstance(spec, TypeSpec) or not isinstance(spec.name, str) or not spec.name:
            raise PluginError(f"manifest.owns must hold TypeSpecs with a name, not {spec!r}")
        if not isinstance(spec.schema, Mapping):
            raise PluginError(f"manifest.owns: the schema of type {spec.name} must be a JSON schema object")
        names.append(spec.name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PluginError(f"manifest.owns names a type twice: {', '.join(repeated)}")
    for attribute in ("produces", "reads"):
        if not all(isinstance(name, str) and name for name in getattr(manifest, attribute)):
            raise PluginError(f"manifest.{attribute} must hold names of types")
    return manifest


def _is_version(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(type(number) is int for number in value)


def hook_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows our hooks."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def check_hooks(manager: pluggy.PluginManager, plugin: object, slug: str) -> None:
    """Register *plugin*, refusing hooks that are misspelt, unmarked, wrapped or have unknown arguments.

    Raises :class:`PluginError`; the plugin is then not registered.
    """
    try:
        manager.register(plugin, name=slug)
    except pluggy.PluginValidationError as error:  # since pluggy 1.7 a refused plugin is not left half registered
        raise PluginError(_hook_trouble(str(error))) from None
    try:
        manager.check_pending()
        callers = manager.get_hookcallers(plugin) or []
        implemented = {caller.name for caller in callers}
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and (implementation.wrapper or implementation.hookwrapper):
                    raise PluginError(f"hook {caller.name}: wrappers are not allowed, return your own components")
        prefix = f"{hookspecs.PROJECT}_"
        for name in dir(plugin):
            if name.startswith(prefix) and name not in implemented and callable(getattr(plugin, name)):
                raise PluginError(f"`{name}` is not marked with @hookimpl (names with `{prefix}` are kept for hooks)")
    except pluggy.PluginValidationError as error:
        manager.unregister(plugin)
        raise PluginError(_hook_trouble(str(error))) from None
    except BaseException:
        manager.unregister(plugin)
        raise


def _hook_trouble(text: str) -> str:
    """pluggy's complaint without the object's address, and with the hook that was probably meant."""
    unknown = re.search(r"unknown hook '(\w+)'", text)
    if unknown is None:
        return " ".join(re.sub(r"<[^>]*>", "", text).split())
    known = [name for name in vars(hookspecs) if name.startswith(f"{hookspecs.PROJECT}_")]
    close = difflib.get_close_matches(unknown[1], known, n=1)
    meant = f"(did you mean `{close[0]}`?)" if close else f"(hooks are {', '.join(known)})"
    return f"{unknown[0]} {meant}"


def component_name(kind: str, slug: str, component: Any) -> str:
    """The unique name of a component: a predictor's and a lexicon's own, ``<slug>.importer:<type>`` for the others."""
    if kind in ("predictor", "lexicon"):
        return str(component.name)
    if kind in _BY_TYPE:
        return f"{slug}.{kind}:{component.type}"
    if kind == "route":
        return f"{slug}.route:{component.method} {component.path.strip('/')}"
    return f"{slug}.{kind}:{component.name}"


def collect(hook: str, returned: Any, manifest: Manifest) -> list[Any]:
    """What *hook* returned, as a checked list.

    Raises :class:`PluginError` naming the hook and the component when something is not of the kind that the hook
    registers, misses an attribute, or speaks of types and names that are not the plugin's.
    """
    kind, wanted = KINDS[hook]
    if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        raise PluginError(f"hook {hook} returned {_article(returned)} instead of a list of {wanted.__name__} objects")
    found = list(returned)
    for component in found:
        if not isinstance(component, wanted):
            hint = " (an instance, not the class)" if isinstance(component, type) else ""
            raise PluginError(f"hook {hook} returned {_article(component)} where a {wanted.__name__} is wanted{hint}")
        try:
            _CHECKS[kind](component, manifest)
        except AttributeError as error:
            raise PluginError(f"hook {hook}: {type(component).__name__} lacks an attribute: {error}") from None
    names = [component_name(kind, manifest.slug, component) for component in found]
    for name in names:
        if names.count(name) > 1:
            first, second = [type(part).__name__ for part, other in zip(found, names, strict=True) if other == name][:2]
            raise PluginError(f"hook {hook}: two components are called `{name}` ({first} and {second})")
    return found


def _article(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _own_name(name: Any, what: str, slug: str) -> None:
    if not isinstance(name, str) or not name:
        raise PluginError(f"{what} has no name")
    if not (name == slug or name.startswith(f"{slug}.")):
        raise PluginError(f"{what} is called `{name}`; its name must begin with the plugin's slug, `{slug}.`")


def _predictor(predictor: Any, manifest: Manifest) -> None:
    what = f"predictor {type(predictor).__name__}"
    _own_name(predictor.name, what, manifest.slug)
    if not isinstance(predictor.version, str) or not predictor.version:
        raise PluginError(f"{what}: version must be a text such as '1', not {predictor.version!r}")
    if isinstance(predictor.produces, str) or not all(isinstance(one, str) for one in predictor.produces):
        raise PluginError(f"{what}: produces must be a tuple of type names, not {predictor.produces!r}")
    if not predictor.produces:
        raise PluginError(f"{what}: produces names no type")
    allowed = {spec.name for spec in manifest.owns} | set(manifest.produces)
    foreign = [name for name in predictor.produces if name not in allowed]
    if foreign:
        raise PluginError(f"{what}: produces {', '.join(foreign)}, which the manifest neither owns nor produces")
    if not isinstance(predictor.source, kinds.Source):
        raise PluginError(f"{what}: source must be a Source, not {predictor.source!r}")
    if type(predictor).predict is kinds.Predictor.predict:
        raise PluginError(f"{what} does not implement predict()")


def _owned(component: Any, manifest: Manifest) -> None:
    what = f"{type(component).__name__}"
    if component.type not in {spec.name for spec in manifest.owns}:
        raise PluginError(f"{what}: type is {component.type!r}, which the manifest does not own")


def _importer(importer: Any, manifest: Manifest) -> None:
    _owned(importer, manifest)
    if isinstance(importer.reads, str) or not all(isinstance(one, str) for one in importer.reads):
        raise PluginError(f"{type(importer).__name__}: reads must be a tuple of type names, not {importer.reads!r}")
    known = {spec.name for spec in manifest.owns} | set(manifest.reads)
    foreign = [name for name in importer.reads if name not in known]
    if foreign:
        raise PluginError(f"{type(importer).__name__}: reads {', '.join(foreign)}, which the manifest does not read")


def _annotator(annotator: Any, manifest: Manifest) -> None:
    _owned(annotator, manifest)
    if type(annotator).annotate is kinds.Annotator.annotate:
        raise PluginError(f"annotator {type(annotator).__name__} does not implement annotate()")


def _formatter(formatter: Any, manifest: Manifest) -> None:
    _owned(formatter, manifest)
    if type(formatter).question is kinds.QuestionFormatter.question:
        raise PluginError(f"question formatter {type(formatter).__name__} does not implement question()")


def _lexicon(lexicon: Any, manifest: Manifest) -> None:
    _own_name(lexicon.name, "a lexicon", manifest.slug)
    if not isinstance(lexicon.boundary, Boundary):
        raise PluginError(f"lexicon {lexicon.name}: boundary must be a Boundary, not {lexicon.boundary!r}")
    for entry in lexicon.entries:
        if not (isinstance(entry, tuple | list) and len(entry) == 2 and isinstance(entry[0], str) and entry[0].strip()):
            raise PluginError(f"lexicon {lexicon.name}: an entry is a pair (term, value), not {entry!r}")


def _route(route: Any, _: Manifest) -> None:
    if not callable(route.handler) or not isinstance(route.path, str) or not route.path.strip("/"):
        raise PluginError(f"route {route.path!r}: it needs a path such as 'tiles' and a callable handler")


def _named(component: Any, _: Manifest) -> None:
    function = component.run if isinstance(component, contributions.Command) else component.check
    if not isinstance(component.name, str) or not component.name or not callable(function):
        raise PluginError(f"{type(component).__name__} {component.name!r} needs a name and a function")


_CHECKS: dict[str, Callable[[Any, Manifest], None]] = {
    "predictor": _predictor,
    "importer": _importer,
    "annotator": _annotator,
    "formatter": _formatter,
    "lexicon": _lexicon,
    "route": _route,
    "command": _named,
    "health": _named,
}
