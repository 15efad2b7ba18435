"""Which plugins are installed, and which of them run: decided by metadata and configuration, before any import."""

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from attrs import frozen

from .records import PluginRecord, State

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["GROUP", "RESERVED", "Decision", "Found", "absent", "decide", "discover", "is_slug"]

GROUP = "robotoff.plugins"
RESERVED = ("core", "enabled", "disabled")
"""No slugs: the name of core's own migrations, and keys of ``[plugins]``."""
_SLUG = re.compile(r"[a-z][a-z0-9_]*")


@frozen
class Found:
    """An installed plugin: its slug and where it comes from. Not imported."""

    slug: str
    entry_point: EntryPoint
    distribution: str
    version: str


@frozen
class Decision:
    """Whether a plugin runs, and who said so: "default (installed)", a file with line, a variable or an option."""

    enabled: bool
    decided_by: str


def discover() -> dict[str, list[Found]]:
    """The installed plugins by slug. More than one under a slug is a conflict, which loading reports."""
    found: dict[str, list[Found]] = {}
    for entry in entry_points(group=GROUP):
        distribution = entry.dist
        name = distribution.name if distribution is not None else ""
        version = distribution.version if distribution is not None else ""
        found.setdefault(entry.name, []).append(Found(entry.name, entry, name, version))
    return {slug: sorted(found[slug], key=lambda one: one.distribution) for slug in sorted(found)}


def is_slug(text: str) -> bool:
    """Whether *text* may name a plugin: lower-case letters, digits and underscores, beginning with a letter."""
    return _SLUG.fullmatch(text) is not None and text not in RESERVED


def decide(config: "Config", slug: str) -> Decision:
    """Whether *slug* runs under *config*. ``disabled`` beats ``enabled`` unless a later layer enabled it again."""
    wanted, unwanted = config.plugins.enabled, config.plugins.disabled
    by_enabled, by_disabled = config.origin("plugins.enabled"), config.origin("plugins.disabled")
    named = wanted is not None and slug in wanted
    if slug in unwanted and not (named and by_enabled.layer > by_disabled.layer):
        return Decision(False, f"{by_disabled} (plugins.disabled)")
    if wanted is None:
        return Decision(True, "default (installed)")
    return Decision(named, f"{by_enabled} (plugins.enabled)")


def absent(config: "Config", found: Iterable[str]) -> list[PluginRecord]:
    """Records of plugins that the configuration names and nobody installed."""
    installed = set(found)
    records: dict[str, PluginRecord] = {}
    for slug in config.plugins.enabled or ():
        if slug not in installed and decide(config, slug).enabled:
            records[slug] = PluginRecord(
                slug,
                State.MISSING,
                "it is enabled, but no installed package provides it",
                next_step=f"Install the package of plugin {slug}, or remove it from plugins.enabled.",
                decided_by=decide(config, slug).decided_by,
            )
    for slug in config.plugins.disabled:
        if slug not in installed and slug not in records:
            records[slug] = PluginRecord(
                slug, State.DISABLED, "switched off (and not installed)", decided_by=decide(config, slug).decided_by
            )
    for slug in config.plugins.settings:
        if slug not in installed and slug not in records:
            records[slug] = PluginRecord(
                slug,
                State.MISSING,
                "it has settings, but no installed package provides it",
                next_step=f"Install the package of plugin {slug}, or remove the table [plugins.{slug}].",
                decided_by=f"{config.origin(f'plugins.{slug}')} (plugins.{slug})",
            )
    return list(records.values())
