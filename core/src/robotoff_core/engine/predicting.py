"""Predict: from one document, through all predictors, into the store and the product's insights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model.ids import ProductId
from ..model.predictions import PredictionRun
from .importing import Imported, import_runs

if TYPE_CHECKING:
    from ..runtime import Runtime

__all__ = ["predict_image", "predict_product_name"]


def predict_image(runtime: "Runtime", product: ProductId, source_image: str, document: bytes) -> Imported:
    """Run the predictors over an image's OCR *document* and bring the product's insights up to date.

    Raises :class:`~robotoff_core.text.OcrError` for a malformed document; earlier results then stay.
    """
    return _predict(runtime, product, source_image, document)


def predict_product_name(runtime: "Runtime", product: ProductId) -> Imported:
    """Run the predictors that read names over the product's name, as it is now; an empty name clears their results."""
    found = runtime.products.get([product]).get(product)
    return _predict(runtime, product, None, "" if found is None else found.text("product_name"))


def _predict(runtime: "Runtime", product: ProductId, source_image: str | None, document: bytes | str) -> Imported:
    predicted = runtime.runner.predict(
        document,
        product=product,
        source_image=source_image,
        today=runtime.now().date(),
        skip=runtime.breaker.tripped(),
        product_name=source_image is None,
    )
    runtime.observe(predicted.timings, predicted.failures)
    return import_runs(runtime, [*predicted.runs, *_silent(runtime, product, source_image, predicted.runs)])


def _silent(
    runtime: "Runtime", product: ProductId, source_image: str | None, runs: Sequence[PredictionRun]
) -> list[PredictionRun]:
    """An empty run for each scope that a predictor spoke about before and says nothing of now."""
    spoken = {run.key for run in runs}
    by_component = {run.key.component: run for run in runs}
    with runtime.store.read() as tx:
        stored = tx.predictions.runs([product]).get(product, [])
    return [
        PredictionRun(info.key, by_component[info.key.component].plugin, by_component[info.key.component].version)
        for info in stored
        if info.count
        and info.key.source_image == source_image
        and info.key.component in by_component
        and info.key not in spoken
    ]
