"""Threads for work that would block the event loop: a bounded pool for our own, daemon threads for plugins' code.

The two never share threads: a plugin route that hangs costs its plugin one of a few places and costs nobody else
anything.
"""

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .errors import ApiError, http_title

__all__ = ["PluginThreads", "Pool"]

T = TypeVar("T")


def busy(seconds: int = 1) -> ApiError:
    """More work than this process takes on; the client may come back after *seconds*."""
    return ApiError(503, http_title(503), "The server is busy, please try again.", {"Retry-After": str(seconds)})


class Pool:
    """*threads* threads, and at most *waiting* calls that have not begun; beyond that a call is refused at once."""

    def __init__(self, name: str, threads: int = 8, waiting: int = 200) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"robotoff-{name}")
        self._limit = threads + waiting
        self._running = 0

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """``function(*args)`` in a thread, with this task's context (request id). Raises 503 when there is no room."""
        if self._running >= self._limit:
            raise busy()
        self._running += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(
                self._executor, contextvars.copy_context().run, function, *args
            )
        except BaseException:
            self._running -= 1
            raise
        # Counted until the thread is done, also when the client has gone and this task is cancelled.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()  # retrieved: whoever awaited has it, or nobody waits any more

    def close(self) -> None:
        """Wait for the running calls; those not yet begun are dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class PluginThreads:
    """Runs a plugin's function under a deadline. A thread cannot be stopped, so each owner has *places* of them:
    a hung call keeps its place until it returns, and a plugin without a free place is refused."""

    def __init__(self, deadline: float, places: int = 4) -> None:
        self.deadline = deadline
        self._places = places
        self._taken: Counter[str] = Counter()

    async def call(self, owner: str, function: Callable[..., T], *args: Any, deadline: float | None = None) -> T:
        """``function(*args)`` for *owner*. Raises what it raises, :class:`TimeoutError` after *deadline* seconds (by
        default the pool's), and 503 when all its places are taken. Also ``SystemExit`` from a plugin arrives here as a
        :class:`RuntimeError`."""
        if self._taken[owner] >= self._places:
            raise busy(5)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._taken[owner] += 1

        def work() -> None:
            try:
                outcome: tuple[T | None, Exception | None] = (function(*args), None)
            except Exception as error:  # noqa: BLE001 - told to the caller
                outcome = (None, error)
            except BaseException as error:  # noqa: BLE001 - sys.exit() in a handler must not pass for an answer
                outcome = (None, RuntimeError(f"{type(error).__name__}: {error}"))
            try:
                loop.call_soon_threadsafe(finish, outcome)
            except RuntimeError:
                return  # the server stopped meanwhile: nobody waits

        def finish(outcome: tuple[T | None, Exception | None]) -> None:
            self._taken[owner] -= 1
            result, error = outcome
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), name=f"robotoff-plugin-{owner}", daemon=True).start()
        async with asyncio.timeout(deadline or self.deadline):
            return await future
