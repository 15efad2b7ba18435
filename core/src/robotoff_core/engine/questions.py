"""Ask: open insights as questions. Which types are asked, in which order, with which picture, their owners declare."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..model.ids import ProductId, image_folder, server_type
from ..model.insights import Insight
from ..model.products import Product
from ..plugins.manifest import ImageRule
from .runner import Failure

if TYPE_CHECKING:
    from ..plugins.registry import Registry
    from ..runtime import Runtime

__all__ = ["ask", "asked_types", "image_base"]

_KINDS = ("front", "ingredients", "nutrition")
"""The selected images that may illustrate a question, best first."""


def asked_types(registry: "Registry", wanted: Iterable[str] | None = None) -> tuple[str, ...]:
    """The insight types that are asked, by their declared priority: those of *wanted*, or the default ones."""
    chosen = None if wanted is None else frozenset(wanted)
    types = [
        owned.spec
        for owned in registry.types.values()
        if owned.spec.insight and owned.spec.asked and owned.plugin in registry.enabled_plugins
        and (owned.spec.asked_by_default if chosen is None else owned.spec.name in chosen)
    ]  # fmt: skip
    return tuple(spec.name for spec in sorted(types, key=lambda spec: (spec.priority, spec.name)))


def image_base(runtime: "Runtime", server_type_name: str) -> str:
    """The address that image paths of a server type are appended to."""
    configured = runtime.config.server.image_base
    return configured or f"https://images.{server_type(server_type_name).domain}.org/images/products"


def ask(runtime: "Runtime", insights: Sequence[Insight], lang: str) -> list[dict[str, Any]]:
    """The public question objects of *insights*, in order, worded in *lang*.

    An insight whose formatter fails or is tripped is left out, and a failure counted. Formatters run where a hanging
    one can be stopped. Reads at most all products concerned, in one call; calls no plugin when there is nothing to ask.
    """
    formatters, tripped = runtime.registry.formatters, runtime.breaker.tripped()
    insights = [
        insight for insight in insights if insight.type in formatters and formatters[insight.type].name not in tripped
    ]
    if not insights:
        return []
    worded = runtime.interactive_runner.questions(insights, lang, today=runtime.now().date())
    runtime.observe(
        {formatters[insight.type].name for insight in insights},
        [question for question in worded if isinstance(question, Failure)],
    )
    types = runtime.registry.types
    products = _products(
        runtime, {i.product for i in insights if i.type in types and types[i.type].spec.image is ImageRule.PRODUCT}
    )
    asked: list[dict[str, Any]] = []
    for insight, question in zip(insights, worded, strict=True):
        if isinstance(question, Failure):
            continue
        base = image_base(runtime, insight.product.server_type)
        if types[insight.type].spec.image is ImageRule.SOURCE:
            picture = None if insight.source_image is None else base + _small(insight.source_image)
        else:
            picture = _product_picture(base, products.get(insight.product), lang)
        item: dict[str, Any] = {
            "barcode": insight.product.barcode,
            "server_type": insight.product.server_type,
            "type": "add-binary",
            "value": question.value,
            "question": question.text,
            "insight_id": str(insight.id),
            "insight_type": insight.type,
        }
        optional = {
            "value_tag": question.value_tag,
            "ref_image_url": question.ref_image_url,
            "source_image_url": picture,
        }
        asked.append(item | {key: value for key, value in optional.items() if value})
    return asked


def _products(runtime: "Runtime", wanted: set[ProductId]) -> Mapping[ProductId, Product]:
    """The products for pictures; questions are asked without a picture while products cannot be read."""
    from ..products import ProductSourceError

    if not wanted:
        return {}
    try:
        return runtime.products.get(wanted)
    except ProductSourceError:
        return {}


def _small(source_image: str) -> str:
    """The 400-pixel version of a raw image's path; other names are left as they are."""
    folder, _, name = source_image.rpartition("/")
    stem, _, extension = name.partition(".")
    return f"{folder}/{stem}.400.{extension}" if stem.isascii() and stem.isdigit() else source_image


def _product_picture(base: str, product: Product | None, lang: str) -> str | None:
    """The best picture of a product: a selected image in *lang* if there is one, else in any language, else the newest
    raw image."""
    if product is None:
        return None
    try:
        folder = base + image_folder(product.id.barcode)
    except ValueError:
        return None
    selected = product.selected_images
    for kind in _KINDS:
        keys = [key for key in selected if key.startswith(f"{kind}_") and selected[key].get("rev") is not None]
        for key in sorted(keys, key=lambda key: key != f"{kind}_{lang.partition('_')[0]}"):
            return f"{folder}{key}.{selected[key]['rev']}.400.jpg"
    newest = max((int(number) for number in product.raw_images), default=None)
    return None if newest is None else f"{folder}{newest}.400.jpg"
