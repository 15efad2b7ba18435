"""``robotoff refresh BARCODE``: bring a product's insights up to date with its predictions and the product as it is."""

import json

import click

from .database import opened, product_named

__all__ = ["refresh"]


@click.command()
@click.argument("barcode")
@click.option("--server-type", default="off", show_default=True, help="The project of the product.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def refresh(ctx: click.Context, barcode: str, server_type: str, as_json: bool) -> None:
    """Run the importers over a product's stored predictions, now."""
    from ..engine.importing import refresh as refresh_products

    product = product_named(barcode, server_type)
    with opened(ctx) as runtime:
        report = refresh_products(runtime, [product])
    counts = {"created": len(report.created), "updated": len(report.updated), "superseded": len(report.closed)}
    failures = [{"component": failure.component, "reason": failure.reason} for failure in report.failures]
    if as_json:
        click.echo(json.dumps({"product": str(product), **counts, "failures": failures}))
    else:
        click.echo(f"{product}: " + ", ".join(f"{number} {name}" for name, number in counts.items()))
        for failure in failures:
            click.echo(f"{failure['component']} failed: {failure['reason']}", err=True)
    if failures:
        ctx.exit(1)
