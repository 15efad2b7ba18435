"""A plugin's settings: its attrs class, structured strictly from ``[plugins.<slug>]``."""

from typing import TYPE_CHECKING, Any

import attrs

from ..strict import StructureError, structure

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["SettingsError", "plugin_settings"]


class SettingsError(ValueError):
    """A plugin's settings are wrong. ``keys`` are the dotted keys; the text names them with file and line."""

    def __init__(self, message: str, keys: tuple[str, ...]) -> None:
        self.keys = keys
        super().__init__(message)


def plugin_settings(config: "Config", slug: str, into: type | None) -> Any:
    """The settings object of plugin *slug*, an instance of *into* (``None`` when the plugin has no settings).

    Raises :class:`SettingsError` for unknown keys, wrong types and refused values, each with its place and dotted key.
    """
    table = config.plugins.settings.get(slug, {})
    if into is None:
        if not table:
            return None
        keys = tuple(f"plugins.{slug}.{key}" for key in table)
        lines = [f"{config.origin(key)}: {key}: unknown key; this plugin has no settings" for key in keys]
        raise SettingsError("; ".join(lines), keys)
    if not attrs.has(into):
        raise TypeError(f"the manifest's settings must be an attrs class, not {into!r}")
    try:
        return structure(table, into)
    except StructureError as error:
        keys = tuple(".".join(("plugins", slug, *problem.path)) for problem in error.problems)
        lines = []
        for key, problem in zip(keys, error.problems, strict=True):
            origin = str(config.origin(key))
            origin = origin if origin != "default" else str(config.origin(f"plugins.{slug}"))
            lines.append(f"{origin}: {key}: {problem.message}")
        raise SettingsError("; ".join(lines), keys) from None
