"""Plugins and health: states and classes of reasons, never settings, paths or error texts; routes under a deadline."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_kit import PaintPlugin, runtime_in

from robotoff_core.runtime import Runtime
from robotoff_server.testing import Client, Served

PRIVATE = (b"hunter2", b"/secret/path", b"user:password", b"Traceback")


def test_listing(api: Client) -> None:
    reply = api.get("/api/v1/plugins")
    plugins = {one["slug"]: one for one in reply.json()["plugins"]}
    assert set(plugins) >= {"paint", "broken"}
    assert (plugins["paint"]["state"], plugins["paint"]["types"]) == ("enabled", ["colour", "shape", "secret"])
    assert (plugins["broken"]["state"], plugins["broken"]["reason"]) == (
        "failed",
        "hook robotoff_importers raised RuntimeError",
    )
    assert plugins["broken"]["next_step"]
    assert not any(word in reply.body for word in PRIVATE)
    assert api.get("/api/v1/plugins/broken/").json() == plugins["broken"]
    assert api.get("/api/v1/plugins/unheard-of").status == 404


def test_a_tripped_component_shows_everywhere(api: Client, runtime: Runtime) -> None:
    runtime.breaker.trip("paint.annotator:colour", "paint", "raised: /secret/path")
    shown = api.get("/api/v1/plugins/paint")
    assert shown.json()["state"] == "tripped"
    part = next(part for part in shown.json()["components"] if part["name"] == "paint.annotator:colour")
    assert part["state"] == "tripped"
    health = api.get("/api/v1/health")
    assert (health.status, health.json()["message"]["status"]) == (200, "degraded")
    assert {one["slug"]: one["state"] for one in health.json()["message"]["plugins"]}["paint"] == "tripped"
    assert not any(word in shown.body + health.body for word in PRIVATE)


@pytest.fixture
def healthy(tmp_path: Path, paint: PaintPlugin) -> Iterator[Client]:
    runtime = runtime_in(tmp_path, paint)
    with Served(runtime) as served:
        yield served.client
    runtime.close()


def test_health(healthy: Client) -> None:
    reply = healthy.get("/api/v1/health")
    body = reply.json()
    assert (reply.status, body["status"], body["message"]["status"]) == (200, 200, "success")
    assert body["headers"] == {"Content-Type": "application/json"}
    assert list(body["message"])[:4] == ["hostname", "status", "timestamp", "results"]
    checks = {one["checker"]: one for one in body["message"]["results"]}
    assert {"database", "ledger", "products", "paint: stock", "plugin paint"} <= set(checks)
    assert list(checks["database"]) == ["checker", "output", "passed", "timestamp", "expires", "response_time"]
    assert checks["database"]["expires"] == pytest.approx(checks["database"]["timestamp"] + 27)
    again = healthy.get("/api/v1/health").json()["message"]["results"]
    assert again[0]["timestamp"] == checks["database"]["timestamp"]


def test_a_plugin_that_is_unwell_degrades(healthy: Client, paint: PaintPlugin) -> None:
    paint.well = False
    reply = healthy.get("/api/v1/health")
    assert (reply.status, reply.json()["message"]["status"]) == (200, "degraded")
    assert reply.json()["message"]["degraded"] == ["paint: stock"]
    assert not any(word in reply.body for word in PRIVATE)


def test_a_failed_plugin_degrades(api: Client) -> None:
    reply = api.get("/api/v1/health")
    assert (reply.status, reply.json()["message"]["degraded"]) == (200, ["plugin broken"])


def test_a_product_source_that_fails_degrades(healthy: Client, runtime: Runtime, tmp_path: Path) -> None:
    other = runtime_in(tmp_path / "other", PaintPlugin())
    other.products.load([{"code": "00000001"}])  # type: ignore[attr-defined]
    other.products.fault("unreadable", 100)  # type: ignore[attr-defined]
    with Served(other) as served:
        reply = served.client.get("/api/v1/health")
        assert (reply.status, reply.json()["message"]["degraded"]) == (200, ["products"])
    other.close()


def test_without_the_database_health_is_a_500(api: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("/secret/path")

    monkeypatch.setattr(runtime.store, "read", broken)
    reply = api.get("/api/v1/health")
    assert (reply.status, reply.json()["status"], reply.json()["message"]["status"]) == (500, 500, "failure")
    assert not any(word in reply.body for word in PRIVATE)
    assert api.get("/api/v1/status").status == 200
    listed = api.get("/api/v1/plugins")
    states = {one["slug"]: one["state"] for one in listed.json()["plugins"]}
    assert (states["paint"], states["broken"]) == ("enabled", "failed")


def test_routes_of_plugins(api: Client) -> None:
    assert api.get("/api/v1/plugins/paint/echo?a=1&b=x,y").json() == {"a": "1", "b": "x,y"}
    assert api.get("/api/v1/plugins/paint/of/red/").json() == {"name": "red"}
    assert api.request("POST", "/api/v1/plugins/paint/echo").status == 405
    assert api.get("/api/v1/plugins/paint/none").status == 404


@pytest.mark.parametrize(("path", "error"), [("raises", "RuntimeError"), ("leaves", "SystemExit")])
def test_a_failing_route_is_its_own_500(api: Client, path: str, error: str) -> None:
    reply = api.get(f"/api/v1/plugins/paint/{path}")
    assert (reply.status, reply.json()["description"]) == (500, f"Plugin paint failed: {error}.")
    assert not any(word in reply.body for word in PRIVATE)
    assert "paint: routes" in str(api.get("/api/v1/health").json()["message"]["degraded"])
    assert api.get("/api/v1/plugins/paint/echo").status == 200


def test_a_hanging_route_ends_at_its_deadline_and_costs_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import robotoff_server.resources.plugins as plugins

    free = threading.Event()
    runtime = runtime_in(tmp_path, PaintPlugin(hang=lambda _: free.wait(30)), settings={"jobs.call_deadline": 0.1})
    monkeypatch.setattr(plugins, "PROCESS_START", 0.2)
    try:
        with Served(runtime) as served:
            started = time.perf_counter()
            statuses = [served.client.get("/api/v1/plugins/paint/hangs").status for _ in range(4)]
            assert statuses == [504] * 4
            assert time.perf_counter() - started < 5
            reply = served.client.get("/api/v1/plugins/paint/echo")
            assert (reply.status, reply.header("Retry-After")) == (503, "5")  # its places are taken
            assert served.client.get("/api/v1/insights").status == 200
            free.set()
            time.sleep(0.1)
            assert served.client.get("/api/v1/plugins/paint/echo").status == 200
    finally:
        free.set()
        runtime.close()
