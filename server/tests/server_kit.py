"""Plugins and a runtime for the server's tests: two asked types, one that needs a login, one that nobody asks."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from robotoff_core.api import (
    AddTag,
    Annotator,
    Answer,
    HealthCheck,
    Importer,
    Insight,
    Manifest,
    Outcome,
    Product,
    ProductId,
    Question,
    QuestionFormatter,
    Result,
    Route,
    Run,
    TypeSpec,
    hookimpl,
)
from robotoff_core.config import load_config
from robotoff_core.plugins.registry import load_plugins
from robotoff_core.runtime import Runtime

NOW = datetime(2026, 3, 1, 12, 0, 0, 465460, tzinfo=UTC)


class ColourImporter(Importer):
    type = "colour"


class ShapeImporter(Importer):
    type = "shape"


class SecretImporter(Importer):
    type = "secret"


class ColourAnnotator(Annotator):
    type = "colour"

    def validate(self, data: Any) -> Any:
        if not isinstance(data, dict) or set(data) != {"value_tag"}:
            raise ValueError("value_tag\n  field required")
        return data

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        tag = answer.data["value_tag"] if answer.data else insight.value_tag
        edit = AddTag("colours", tag or "", action=f"Adding colour '{tag}'")
        if product is not None and edit.present_in(product):
            return Outcome.already()
        if answer.data:
            changes = {"value_tag": tag, "data": {**insight.data, "original_value_tag": insight.value_tag}}
            return Outcome(Result.USER_INPUT_UPDATED, (edit,), changes)
        return Outcome.send(edit)


class SecretAnnotator(Annotator):
    type = "secret"

    def annotate(self, insight: Insight, answer: Answer, product: Product | None, run: Run[Any]) -> Outcome:
        return Outcome(Result.SAVED)


class ColourQuestions(QuestionFormatter):
    type = "colour"

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        if insight.value_tag == "en:broken":
            raise RuntimeError("no words for it")
        text = "Est-ce sa couleur ?" if lang == "fr" else "Is this its colour?"
        return Question(text, value=(insight.value_tag or "").removeprefix("en:"), value_tag=insight.value_tag)


class ShapeQuestions(QuestionFormatter):
    type = "shape"

    def question(self, insight: Insight, lang: str, run: Run[Any]) -> Question:
        return Question("Is this its shape?", value=insight.value)


def _raise(_: Mapping[str, str]) -> Any:
    raise RuntimeError("/secret/path")


def _leave(_: Mapping[str, str]) -> Any:
    raise SystemExit(3)


class PaintPlugin:
    """Owns what people are asked about."""

    manifest = Manifest(
        slug="paint",
        title="Paint",
        owns=(
            TypeSpec("colour", priority=20),
            TypeSpec("shape", priority=10),
            TypeSpec("secret", needs_login=True, asked=False),
        ),
    )

    def __init__(self, hang: Any = None) -> None:
        self.hang = hang or (lambda _: None)
        self.well = True

    @hookimpl
    def robotoff_importers(self) -> list[Importer]:
        return [ColourImporter(), ShapeImporter(), SecretImporter()]

    @hookimpl
    def robotoff_annotators(self) -> list[Annotator]:
        return [ColourAnnotator(), SecretAnnotator()]

    @hookimpl
    def robotoff_question_formatters(self) -> list[QuestionFormatter]:
        return [ColourQuestions(), ShapeQuestions()]

    @hookimpl
    def robotoff_routes(self) -> list[Route]:
        return [
            Route("echo", dict),
            Route("of/{name}", lambda query: {"name": query["name"]}),
            Route("raises", _raise),
            Route("leaves", _leave),
            Route("hangs", self.hang),
        ]

    @hookimpl
    def robotoff_health_checks(self) -> list[HealthCheck]:
        def check() -> str:
            if not self.well:
                raise RuntimeError("postgresql://user:password@host/db")
            return "well stocked"

        return [HealthCheck("stock", check)]


class BrokenPlugin:
    """Cannot be registered."""

    manifest = Manifest(slug="broken", title="Broken", owns=(TypeSpec("noise"),))

    @hookimpl
    def robotoff_importers(self) -> list[Importer]:
        raise RuntimeError("/secret/path: password=hunter2")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


ANNA = basic("anna", "secret")


def runtime_in(
    folder: Path,
    *plugins: object,
    database: str | None = None,
    settings: Mapping[str, Any] | None = None,
    trust: bool = True,
) -> Runtime:
    """A runtime with *plugins* only, an account ``anna``, and a database with tables."""
    overrides: dict[str, Any] = {
        "var": str(folder),
        "plugins.enabled": [plugin.manifest.slug for plugin in plugins],  # type: ignore[attr-defined]
        "accounts.anna.password": "secret",
        "answers.wait": 2.0,
        "server.anonymous_writes_per_minute": 0,
    }
    if trust:
        overrides["server.trusted_proxies"] = ["127.0.0.1"]
    if database is not None:
        overrides["database"] = database
    config = load_config(None, {**overrides, **(settings or {})}, environ={})
    runtime = Runtime.open(config, registry=load_plugins(config, extra=plugins))
    if database is None:
        runtime.store.create_all()
    return runtime


def from_address(number: int) -> dict[str, str]:
    """Headers of a trusted proxy that speaks for another address."""
    return {"X-Forwarded-For": f"203.0.113.{number}"}


def insight(barcode: str = "3270190020010", kind: str = "colour", tag: str | None = "en:red", **fields: Any) -> Insight:
    """An open insight of the paint plugin."""
    given: dict[str, Any] = {
        "id": uuid4(),
        "product": ProductId(barcode, fields.pop("server_type", "off")),
        "type": kind,
        "claim": tag or fields.get("value") or "",
        "plugin": "paint",
        "predictor_plugin": "paint",
        "component": "paint.text",
        "predictor": "regex",
        "predictor_version": "1",
        "value_tag": tag,
        "source_image": "/327/019/002/0010/1.jpg",
        "timestamp": NOW,
        "with_image": True,
    }
    return Insight(**{**given, **fields})


def store(runtime: Runtime, *insights: Insight) -> tuple[UUID, ...]:
    """Create *insights*; their ids."""
    with runtime.store.write() as tx:
        tx.insights.create(list(insights))
    return tuple(one.id for one in insights)


def product(runtime: Runtime, barcode: str = "3270190020010", **fields: Any) -> None:
    """A product in the recording file."""
    runtime.products.load([{"code": barcode, "product_name": "Paint box", **fields}])  # type: ignore[attr-defined]
