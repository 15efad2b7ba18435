"""``/insights``: searching them, one product's, one by id, and answering one."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiohttp import web
from attrs import evolve

from robotoff_core.model.ids import normalize_barcode
from robotoff_core.store.records import InsightFilter, InsightOrder

from ..errors import missing, not_found, refused
from ..identity import Caller
from ..params import MAX_COUNT
from ..serialize import insight_json, json_response
from ..services import SERVICES, Services

if TYPE_CHECKING:
    from robotoff_core.engine.answers import Reply

__all__ = ["annotate", "detail", "of_product", "path_barcode", "random", "search", "unseen_by"]

COUNT_CAP = 100
"""Clients read exactly 100 as "100 or more"."""
FIRST = 10
"""How many items of long lists are kept."""


def unseen_by(caller: Caller, wanted: InsightFilter) -> InsightFilter:
    """*wanted* without what *caller* has voted on: under its name or from its device, since logging in or out must not
    bring answered questions back; from its address only when it says nothing else about itself."""
    unnamed = caller.anonymous and not caller.own_device
    return evolve(
        wanted,
        skip_usernames=(caller.username,) if caller.username else (),
        skip_devices=(caller.device,),
        skip_addresses=(caller.address,) if unnamed else (),
    )


def path_barcode(request: web.Request) -> str:
    """The barcode in the path, normalised; 404 for what no database could hold."""
    barcode = request.match_info["barcode"]
    if "\x00" in barcode:
        raise not_found()
    return normalize_barcode(barcode)


async def search(request: web.Request) -> web.Response:
    """``GET /insights``."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    limit, offset = parameters.page()
    types = parameters.items("insight_types")
    annotated = parameters.boolean("annotated")
    wanted = InsightFilter(
        server_type=parameters.server_type(),
        barcode=parameters.barcode(),
        types=None if types is None else tuple(types),
        annotated=annotated,
        annotation=parameters.integer("annotation"),
        value_tag=parameters.text("value_tag") or None,
        brands=tuple(parameters.items("brands", first=FIRST) or ()),
        predictor=parameters.text("predictor") or None,
        countries=tuple(parameters.countries() or ()),
        campaigns=tuple(parameters.campaigns() or ()),
        lc=tuple(parameters.items("lc") or ()),
    )
    order = parameters.choice(
        "order_by", ("random", "popularity"), lambda value: refused(f"invalid `order_by` value: {value}")
    )
    caller = await services.caller(request, parameters, writes=False)
    wanted = unseen_by(caller, wanted)
    if annotated is False:
        wanted = _answerable(services, wanted)
    return await _found(services, wanted, _order(order), limit, offset, COUNT_CAP)


async def random(request: web.Request) -> web.Response:
    """``GET /insights/random``."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    kind = parameters.text("type")
    wanted = InsightFilter(
        server_type=parameters.server_type(),
        types=None if kind is None else (kind,),
        annotated=False,
        value_tag=parameters.text("value_tag") or None,
        predictor=parameters.text("predictor") or None,
        countries=tuple(parameters.countries() or ()),
    )
    limit, _ = parameters.page()
    return await _found(services, _answerable(services, wanted), InsightOrder.RANDOM, limit, 0, None)


async def of_product(request: web.Request) -> web.Response:
    """``GET /insights/{barcode}``: all open insights of a product."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    wanted = InsightFilter(
        server_type=parameters.server_type(),
        barcode=path_barcode(request),
        annotated=False,
    )

    def read() -> list[dict[str, Any]]:
        with services.runtime.store.read() as tx:
            found = tx.insights.search(_answerable(services, wanted), InsightOrder.ID, limit=MAX_COUNT)
        return [insight_json(insight) for insight in found]

    insights = await services.call(read)
    # Without results there is no `insights` key: the Dart SDK reads its absence as null.
    return json_response({"insights": insights, "status": "found"} if insights else {"status": "no_insights"})


async def detail(request: web.Request) -> web.Response:
    """``GET /insights/detail/{insight_id}``: one insight, whatever became of it."""
    services = request.app[SERVICES]
    try:
        insight_id = UUID(request.match_info["insight_id"])
    except ValueError:
        raise not_found() from None

    def read() -> dict[str, Any] | None:
        with services.runtime.store.read() as tx:
            insight = tx.insights.get(insight_id)
        return None if insight is None else insight_json(insight)

    insight = await services.call(read)
    if insight is None:
        raise not_found()
    return json_response(insight)


async def annotate(request: web.Request) -> web.Response:
    """``POST /insights/annotate``: an answer, or a vote. The order of the checks is the contract's."""
    services = request.app[SERVICES]
    parameters = await services.parameters(request)
    insight_id = parameters.uuid("insight_id")
    annotation = parameters.integer("annotation", low=-1, high=2)
    if annotation is None:
        raise missing("annotation")
    update = parameters.boolean("update", True)
    data = parameters.json("data")
    _check_data(annotation, update, data)
    caller = await services.caller(request, parameters, writes=True)
    if caller.anonymous and annotation == 2:
        raise refused("`data` cannot be provided when the user is not authenticated")
    services.take_write(caller)

    def answered() -> "Reply":
        from robotoff_core.engine.answers import answer

        wait = services.runtime.config.answers.wait
        return answer(services.runtime, insight_id, annotation, data, update, caller.voter(), wait)

    reply = await services.answers.call(answered)
    return json_response(
        {"status_code": int(reply.result), "status": reply.result.status, "description": reply.description}
    )


def _check_data(annotation: int, update: bool, data: Any) -> None:
    if annotation == 2:
        if data is None:
            raise refused("`data` must be provided when annotation == 2")
        if not update:
            raise refused("`update` must be true when annotation == 2")
    elif data is not None:
        raise refused("`annotation` must be 2 when `data` is provided")


def _answerable(services: Services, wanted: InsightFilter) -> InsightFilter:
    """Only insights whose plugins run: the others wait until those are back."""
    enabled = services.runtime.registry.enabled_plugins
    return evolve(wanted, plugins=enabled, predictor_plugins=enabled)


def _order(name: str | None) -> InsightOrder:
    return InsightOrder.ID if name is None else InsightOrder(name)


async def _found(
    services: Services, wanted: InsightFilter, order: InsightOrder, limit: int, offset: int, cap: int | None
) -> web.Response:
    def read() -> tuple[int, list[dict[str, Any]]]:
        with services.runtime.store.read() as tx:
            count = tx.insights.count(wanted, cap=cap)
            found = tx.insights.search(wanted, order, limit=limit, offset=0 if order is InsightOrder.RANDOM else offset)
        return count, [insight_json(insight) for insight in found]

    count, insights = await services.call(read)
    return json_response({"count": count, "insights": insights, "status": "found" if insights else "no_insights"})
