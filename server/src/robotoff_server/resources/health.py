"""``/health``: 500 only when our own database or ledger fails; ``degraded`` when a plugin or a partner does.

Our own two are asked in the bounded pool, the partners and the plugins' checks in threads of their own, each with a
deadline. What they said is told again for a while (27 s when well, 9 s when not), so that watching costs little; the
plugins' states are read each time.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import frozen

from robotoff_core.model.ids import ProductId
from robotoff_core.store.records import InsightFilter, JobState

from ..serialize import json_response
from ..services import SERVICES, Services
from .plugins import current_records

if TYPE_CHECKING:
    from robotoff_core.runtime import Runtime

__all__ = ["HEALTH", "Health", "health"]

log = logging.getLogger("robotoff.server.health")
KEEP_PASSED = 27.0
KEEP_FAILED = 9.0
AT_MOST = 100
"""Jobs are counted up to here, so that a long queue does not make asking slow."""


@frozen
class Checked:
    """What one check said, when (Unix time), until when it holds, and how long it took (seconds)."""

    checker: str
    output: str
    passed: bool
    timestamp: float
    expires: float
    response_time: float
    essential: bool = False

    def public(self) -> dict[str, Any]:
        """The entry in ``results``."""
        return {
            "checker": self.checker,
            "output": self.output,
            "passed": self.passed,
            "timestamp": self.timestamp,
            "expires": self.expires,
            "response_time": self.response_time,
        }


class Health:
    """The checks of one process and what they said last."""

    def __init__(self) -> None:
        self._last: dict[str, Checked] = {}
        self._lock = asyncio.Lock()

    async def results(self, services: Services) -> list[Checked]:
        """Every check's result, asked anew where the last one has expired."""
        async with self._lock:  # a hundred watchers ask once
            return list(await asyncio.gather(*(self._one(services, *check) for check in _checks(services))))

    async def _one(self, services: Services, name: str, owner: str | None, check: Callable[[], str]) -> Checked:
        last = self._last.get(name)
        if last is not None and last.expires > time.time():
            return last
        started = time.perf_counter()
        try:
            if owner is None:
                async with asyncio.timeout(services.plugin_threads.deadline):
                    output, passed = await services.call(check), True
            else:
                output, passed = await services.plugin_threads.call(owner, check), True
        except TimeoutError:
            output, passed = f"no answer within {services.plugin_threads.deadline:g} s", False
        except Exception as error:  # the class of an error is public, its text may quote settings
            log.warning("health check %s failed", name, exc_info=error, extra={"checker": name})
            output, passed = type(error).__name__, False
        now = time.time()
        checked = Checked(
            name,
            output,
            passed,
            now,
            now + (KEEP_PASSED if passed else KEEP_FAILED),
            round(time.perf_counter() - started, 6),
            owner is None,
        )
        self._last[name] = checked
        return checked


HEALTH: web.AppKey[Health] = web.AppKey("health", Health)


async def health(request: web.Request) -> web.Response:
    """``GET /health``."""
    services = request.app[SERVICES]
    results = await request.app[HEALTH].results(services)
    plugins: list[dict[str, Any]] = []
    for record in await services.call(current_records, services.runtime):
        plugins.append({"slug": record.slug, "state": str(record.state), "reason": record.summary})
        results.append(_of_plugin(record.slug, record.state.is_trouble, str(record.state), record.summary))
    for slug, count in services.route_failures().items():
        results.append(_of_plugin(f"{slug}: routes", True, "failing", f"raised {count} times"))
    broken = any(not result.passed and result.essential for result in results)
    troubled = [result.checker for result in results if not result.passed]
    status = 500 if broken else 200
    message = {
        "hostname": socket.gethostname(),
        "status": "failure" if broken else "degraded" if troubled else "success",
        "timestamp": time.time(),
        "results": [result.public() for result in results],
        "degraded": troubled,
        "plugins": plugins,
    }
    return json_response(
        {"message": message, "status": status, "headers": {"Content-Type": "application/json"}}, status
    )


def _of_plugin(slug: str, trouble: bool, state: str, summary: str) -> Checked:
    now = time.time()
    output = f"{state}: {summary}" if summary else state
    return Checked(f"plugin {slug}", output, not trouble, now, now, 0.0)


def _checks(services: Services) -> list[tuple[str, str | None, Callable[[], str]]]:
    """(name, owner, check) of each; the owner is ``None`` for what is our own."""
    runtime = services.runtime
    checks: list[tuple[str, str | None, Callable[[], str]]] = [
        ("database", None, lambda: _database(runtime)),
        ("ledger", None, lambda: _ledger(runtime)),
        ("products", "health", lambda: _products(runtime)),
    ]
    for registered in runtime.registry.health_checks:
        check = registered.component
        checks.append((f"{registered.plugin}: {check.name}", registered.plugin, check.check))
    return checks


def _database(runtime: "Runtime") -> str:
    with runtime.store.read() as tx:
        tx.insights.count(InsightFilter(types=()), cap=1)
    return "reads"


def _ledger(runtime: "Runtime") -> str:
    with runtime.store.read() as tx:
        due = len(tx.jobs.due(runtime.now(), AT_MOST))
        running, dead = (len(tx.jobs.in_state(state, limit=AT_MOST)) for state in (JobState.RUNNING, JobState.DEAD))
    return f"{_at_most(due)} pending, {_at_most(running)} running, {_at_most(dead)} dead"


def _at_most(count: int) -> str:
    return f"{count} or more" if count >= AT_MOST else str(count)


def _products(runtime: "Runtime") -> str:
    runtime.products.get([ProductId("00000000")])
    return "reads"
