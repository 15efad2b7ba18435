"""``/questions``: what people are asked, filtered and worded; one product's; and how many wait.

Asked are open insights whose plugins run and whose type's owner declares it asked; answered, skipped and automatic
ones vanish.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import evolve

from robotoff_core.engine.questions import ask, asked_types
from robotoff_core.model.insights import Status
from robotoff_core.store.records import InsightFilter, InsightOrder

from ..errors import refused
from ..params import MAX_COUNT, Parameters
from ..serialize import json_response
from ..services import SERVICES, Services
from .insights import COUNT_CAP, FIRST, path_barcode, unseen_by

if TYPE_CHECKING:
    from robotoff_core.runtime import Runtime

__all__ = ["of_product", "open_questions", "popular", "random", "search", "unanswered"]

ORDERS = ("popularity", "random", "confidence")


async def search(request: web.Request) -> web.Response:
    """``GET /questions``."""
    return await _search(request, None)


async def random(request: web.Request) -> web.Response:
    """``GET /questions/random``: the same in random order."""
    return await _search(request, InsightOrder.RANDOM)


async def popular(request: web.Request) -> web.Response:
    """``GET /questions/popular``: the same, most scanned products first."""
    return await _search(request, InsightOrder.POPULARITY)


async def of_product(request: web.Request) -> web.Response:
    """``GET /questions/{barcode}``: the questions of one product, by the priority of their types, then by votes."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    limit, _ = parameters.page()
    lang = parameters.text("lang") or "en"
    types = asked_types(services.runtime.registry, parameters.items("insight_types"))
    wanted = evolve(
        _open(services, parameters),
        types=types,
        barcode=path_barcode(request),
    )
    wanted = unseen_by(await services.caller(request, parameters, writes=False), wanted)
    rank = {name: position for position, name in enumerate(types)}

    def read() -> list[dict[str, Any]]:
        shown = _that_can_be_worded(services.runtime, wanted)
        with services.runtime.store.read() as tx:
            found = tx.insights.search(shown, InsightOrder.VOTES, limit=MAX_COUNT)
        # Limited after sorting, so that the first question is the most important one.
        return ask(services.runtime, sorted(found, key=lambda insight: rank[insight.type])[:limit], lang)

    questions = await services.call(read)
    return json_response({"questions": questions, "status": "found" if questions else "no_questions"})


async def unanswered(request: web.Request) -> web.Response:
    """``GET /questions/unanswered``: how many insights wait for each value tag, largest group first."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    limit, offset = parameters.page()
    kind = parameters.text("type")
    wanted = evolve(
        _open(services, parameters),
        types=None if kind is None else (kind,),
        countries=tuple(parameters.countries() or ()),
        campaigns=tuple(parameters.campaigns() or ()),
        predictor=parameters.text("predictor") or None,
        reserved_barcode=parameters.boolean("reserved_barcode", False),
    )

    def read() -> tuple[int, list[tuple[str | None, int]]]:
        with services.runtime.store.read() as tx:
            return tx.insights.count(wanted), tx.insights.groups_by_value_tag(wanted, limit=limit, offset=offset)

    count, groups = await services.call(read)
    return json_response({"count": count, "questions": groups, "status": "found" if groups else "no_questions"})


async def _search(request: web.Request, forced: InsightOrder | None) -> web.Response:
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    limit, offset = parameters.page()
    lang = parameters.text("lang") or "en"
    order = forced or _order(parameters)
    wanted = evolve(
        _open(services, parameters),
        types=asked_types(services.runtime.registry, parameters.items("insight_types")),
        value_tag=parameters.text("value_tag") or None,
        predictor=parameters.text("predictor") or None,
        brands=tuple(parameters.items("brands", first=FIRST) or ()),
        countries=tuple(parameters.countries() or ()),
        reserved_barcode=None if parameters.boolean("reserved_barcode", False) else False,
        campaigns=tuple(parameters.campaigns() or ()),
        with_image=parameters.boolean("with_image"),
    )
    wanted = unseen_by(await services.caller(request, parameters, writes=False), wanted)

    def read() -> tuple[int, list[dict[str, Any]]]:
        shown = _that_can_be_worded(services.runtime, wanted)
        with services.runtime.store.read() as tx:
            count = tx.insights.count(shown, cap=COUNT_CAP)
            start = 0 if order is InsightOrder.RANDOM else offset
            found = tx.insights.search(shown, order, limit=limit, offset=start)
        return count, ask(services.runtime, found, lang)

    count, questions = await services.call(read)
    return json_response({"count": count, "questions": questions, "status": "found" if questions else "no_questions"})


def open_questions(runtime: "Runtime") -> InsightFilter:
    """The insights that are asked by default: open, not about to be applied by themselves, of plugins that run."""
    enabled = runtime.registry.enabled_plugins
    return InsightFilter(
        server_type=None,
        types=asked_types(runtime.registry),
        annotated=False,
        automatic=False,
        statuses=(Status.OPEN,),
        plugins=enabled,
        predictor_plugins=enabled,
    )


def _that_can_be_worded(runtime: "Runtime", wanted: InsightFilter) -> InsightFilter:
    """*wanted* without types whose formatter is missing or tripped: they would take the places of others on a page.
    Reads what is tripped."""
    formatters, tripped = runtime.registry.formatters, runtime.breaker.tripped()
    types = [name for name in wanted.types or () if name in formatters and formatters[name].name not in tripped]
    return evolve(wanted, types=tuple(types))


def _open(services: Services, parameters: Parameters) -> InsightFilter:
    return evolve(open_questions(services.runtime), server_type=parameters.server_type())


def _order(parameters: Parameters) -> InsightOrder:
    order = parameters.choice(
        "order_by", ORDERS, lambda value: refused(f"invalid '{value}' value for `order_by` parameter")
    )
    return InsightOrder(order or "popularity")
