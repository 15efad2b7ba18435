"""``robotoff why BARCODE``: what was predicted about a product, what became of it, and why."""

import json
from typing import TYPE_CHECKING, Any

import click

from .database import opened, product_named

if TYPE_CHECKING:
    from ..model.ids import ProductId
    from ..runtime import Runtime

__all__ = ["why"]


@click.command()
@click.argument("barcode")
@click.option("--type", "types", multiple=True, metavar="T", help="Only this insight or prediction type; repeatable.")
@click.option("--server-type", default="off", show_default=True, help="The project of the product.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def why(ctx: click.Context, barcode: str, types: tuple[str, ...], server_type: str, as_json: bool) -> None:
    """Tell what was predicted for a product, what became of it, and why there is (no) question."""
    product = product_named(barcode, server_type)
    with opened(ctx) as runtime:
        found = explain(runtime, product, types)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    _print(found)


def explain(runtime: "Runtime", product: "ProductId", types: tuple[str, ...] = ()) -> dict[str, Any]:
    """Everything known about *product*, as JSON data: runs, predictions, insights with their log, drops."""
    with runtime.store.read() as tx:
        runs = tx.predictions.runs([product]).get(product, [])
        predictions = tx.predictions.of([product], types or None).get(product, [])
        insights = tx.insights.of([product], types or None, superseded=True).get(product, [])
        events = {insight.id: tx.events.of(insight.id) for insight in insights}
        drops = [found for found in tx.drops.of(product) if not types or found.type in types]
    enabled = runtime.registry.enabled_plugins
    return {
        "product": str(product),
        "known": bool(runtime.products.get([product])),
        "runs": [
            {
                "component": run.key.component,
                "version": run.version,
                "source_image": run.key.source_image,
                "predictions": run.count,
                "at": run.updated_at.isoformat(),
            }
            for run in runs
        ],
        "predictions": [
            {
                "type": prediction.type,
                "value": prediction.value_tag or prediction.value,
                "component": prediction.component,
                "source_image": prediction.source_image,
                "automatic": prediction.automatic,
                "hidden": prediction.plugin not in enabled,
            }
            for prediction in predictions
        ],
        "insights": [
            {
                "id": str(insight.id),
                "type": insight.type,
                "value": insight.value_tag or insight.value,
                "status": str(insight.status),
                "votes": insight.n_votes,
                "automatic": insight.automatic,
                "hidden": insight.plugin not in enabled,
                "log": [
                    {"at": event.at.isoformat(), "what": event.kind, "detail": dict(event.detail)}
                    for event in events[insight.id]
                ],
            }
            for insight in insights
        ],
        "dropped": [
            {
                "type": found.type,
                "value": drop.value_tag or drop.value,
                "rule": drop.rule,
                "reason": drop.reason,
                "component": drop.component,
                "source_image": drop.source_image,
            }
            for found in drops
            for drop in found.drops
        ],
    }


def _print(found: dict[str, Any]) -> None:
    click.echo(found["product"] + ("" if found["known"] else "  (not in the product source)"))
    if not found["runs"]:
        click.echo("No predictor has run on this product yet. Import its images first.")
        return
    click.echo("\nPredicted:")
    for prediction in found["predictions"]:
        hidden = "  (hidden: its plugin is off)" if prediction["hidden"] else ""
        where = prediction["source_image"] or "product text"
        click.echo(f"  {prediction['type']}: {prediction['value']}  by {prediction['component']} from {where}{hidden}")
    silent = [run for run in found["runs"] if not run["predictions"]]
    for run in silent:
        click.echo(f"  nothing by {run['component']} from {run['source_image'] or 'product text'}")
    click.echo("\nInsights:")
    for insight in found["insights"]:
        hidden = "  (hidden: its plugin is off)" if insight["hidden"] else ""
        click.echo(f"  {insight['type']}: {insight['value']}  {insight['status']}, {insight['votes']} votes{hidden}")
        for event in insight["log"]:
            detail = ", ".join(
                f"{key} {value}" for key, value in event["detail"].items() if value not in (None, {}, "")
            )
            click.echo(f"    {event['at'][:19]}  {event['what']}  {detail}".rstrip())
    if not found["insights"]:
        click.echo("  none")
    if found["dropped"]:
        click.echo("\nNot suggested:")
        for drop in found["dropped"]:
            click.echo(f"  {drop['type']}: {drop['value']}  [{drop['rule']}] {drop['reason']}")
