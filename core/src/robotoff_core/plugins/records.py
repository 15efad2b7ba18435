"""What is known of every plugin, whatever became of it: the source of the listings, the API, health and logs.

A record is made for each plugin that is installed or named in the configuration. Nothing here imports a plugin.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from .manifest import TypeSpec

__all__ = ["ComponentRecord", "OwnedType", "PluginRecord", "Registered", "State", "Trip", "reasons"]

C = TypeVar("C")


class State(StrEnum):
    """Where a plugin stands.

    ``enabled``: it runs. ``disabled``: not wanted, never imported. ``missing``: named in the configuration, not
    installed. ``incompatible``: written for another hook API. ``misconfigured``: its settings are wrong. ``failed``: it
    could not be loaded. ``tripped``: it runs except for components that failed too often or hung.
    """

    ENABLED = "enabled"
    DISABLED = "disabled"
    MISSING = "missing"
    INCOMPATIBLE = "incompatible"
    MISCONFIGURED = "misconfigured"
    FAILED = "failed"
    TRIPPED = "tripped"

    @property
    def runs(self) -> bool:
        """Whether the plugin's (other) components work."""
        return self in (State.ENABLED, State.TRIPPED)

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look at it."""
        return self not in (State.ENABLED, State.DISABLED)


@frozen
class Trip:
    """A component that is left out until ``robotoff plugins reset`` : why, and since when (ISO 8601, UTC)."""

    component: str
    plugin: str
    reason: str
    at: str = ""


@frozen
class ComponentRecord:
    """One registered component: its unique name, its kind ("predictor", "importer", ...) and whether it is tripped."""

    name: str
    kind: str
    state: State = State.ENABLED
    reason: str = ""
    version: str = ""


@frozen
class PluginRecord:
    """What became of one plugin, why, who decided, and what to do next.

    ``summary`` is safe to publish: it names the class of an error, never its text, settings or paths. ``detail`` is for
    operators (command line, logs). ``waiting_for``: prediction types it reads that no enabled plugin produces.
    """

    slug: str
    state: State
    summary: str = ""
    detail: str = field(default="", repr=False)
    next_step: str = ""
    decided_by: str = "default"
    version: str = ""
    distribution: str = ""
    title: str = ""
    quality: str = ""
    hook_api: tuple[int, int] | None = None
    owns: tuple[TypeSpec, ...] = ()
    produces: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    waiting_for: tuple[str, ...] = ()
    components: tuple[ComponentRecord, ...] = ()
    traceback: str = field(default="", repr=False)

    @property
    def reason(self) -> str:
        """The whole reason: the summary, and the detail after a colon."""
        return f"{self.summary}: {self.detail}" if self.detail else self.summary

    @property
    def status(self) -> str:
        """The state as a listing shows it: ``enabled (waiting for image_orientation)``."""
        return f"{self.state} (waiting for {', '.join(self.waiting_for)})" if self.waiting_for else str(self.state)

    def public(self) -> dict[str, Any]:
        """What ``/api/v1/plugins`` tells everybody: no settings, paths or error texts."""
        return {
            "slug": self.slug,
            "title": self.title,
            "version": self.version,
            "distribution": self.distribution,
            "state": str(self.state),
            "reason": self.summary,
            "next_step": self.next_step,
            "decided_by": self.decided_by.partition(":")[0].rpartition("/")[2],
            "quality": self.quality,
            "hook_api": None if self.hook_api is None else ".".join(map(str, self.hook_api)),
            "types": [spec.name for spec in self.owns],
            "produces": list(self.produces),
            "reads": list(self.reads),
            "waiting_for": list(self.waiting_for),
            "components": [
                {"name": part.name, "kind": part.kind, "version": part.version, "state": str(part.state)}
                for part in self.components
            ],
        }

    def detailed(self) -> dict[str, Any]:
        """What ``robotoff plugins ... --json`` prints: the public facts with full reasons and places."""
        record = self.public()
        record["summary"] = self.summary
        record["reason"] = self.reason
        record["decided_by"] = self.decided_by
        for shown, part in zip(record["components"], self.components, strict=True):
            shown["reason"] = part.reason
        return record


@frozen
class Registered(Generic[C]):
    """A component in the registry: the plugin's slug, the unique name, the object and the plugin's settings."""

    plugin: str
    name: str
    component: C
    settings: Any = field(default=None, repr=False)


@frozen
class OwnedType:
    """A type with the slug of the plugin that owns it."""

    spec: TypeSpec
    plugin: str


def reasons(records: Iterable[PluginRecord]) -> str:
    """One line for each plugin in trouble, for messages that stop a process."""
    return "\n".join(
        f"plugin {record.slug}: {record.state}: {record.reason}. {record.next_step}".rstrip()
        for record in records
        if record.state.is_trouble
    )
