"""What a job handler is, and how it says that running again is no use."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["GiveUpError", "Handler", "Handlers", "ParkError"]

Handler = Callable[["Runtime", Mapping[str, Any]], object]
"""Does one kind of job with its payload. It may run twice (a worker may die after the work and before the record), so
its effects must be the same the second time. Raising any exception means: try again later."""

Handlers = Mapping[str, Handler]
"""The handlers of a process by job kind."""


class GiveUpError(Exception):
    """Trying again cannot help: the job is dead at once, with this reason."""


class ParkError(Exception):
    """The job cannot run in this deployment as it is (a plugin too old); it waits, with this reason."""
