"""Routing, errors, CORS and limits: what every address has in common."""

import re
import socket
import threading
import time
from pathlib import Path

import pytest
from server_kit import PaintPlugin, runtime_in

from robotoff_core.runtime import Runtime
from robotoff_server import services, serving
from robotoff_server.testing import Client, Served

ORIGIN = {"Origin": "https://hunger.openfoodfacts.org"}


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/status/", "/api/v1/status?x=1", "/api/v1/status/?x=1"])
def test_status(api: Client, path: str) -> None:
    reply = api.get(path)
    assert (reply.status, reply.body) == (200, b'{"status":"running"}')
    assert reply.header("Content-Type") == "application/json"


def test_robots(api: Client) -> None:
    reply = api.get("/robots.txt")
    assert reply.body.split() == [b"User-agent:", b"*", b"Disallow:", b"/"]
    assert reply.header("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1", "/api/v1/Status", "/api/v1/insights//", "/api/v1/insights/detail/x"]
)
def test_unknown_address(api: Client, path: str) -> None:
    reply = api.get(f"/api/v1{path}")
    assert (reply.status, reply.json()) == (404, {"title": "404 Not Found"})
    assert reply.header("Content-Type") == "application/json"
    assert "Accept" in (reply.header("Vary") or "")


def test_wrong_method_names_the_right_ones(api: Client) -> None:
    reply = api.request("DELETE", "/api/v1/insights")
    assert (reply.status, reply.json()) == (405, {"title": "405 Method Not Allowed"})
    assert reply.header("Allow") == "GET, HEAD"
    assert api.get("/api/v1/insights/annotate").header("Allow") == "POST"


def test_literal_segments_are_no_barcodes(api: Client) -> None:
    assert api.get("/api/v1/insights/annotate").status == 405
    assert api.get("/api/v1/insights/detail").status == 404
    assert api.get("/api/v1/insights/random").json() == {"count": 0, "insights": [], "status": "no_insights"}
    assert api.get("/api/v1/insights/randomly").json() == {"status": "no_insights"}
    assert "count" in api.get("/api/v1/questions/random/").json()


def test_head(api: Client) -> None:
    reply = api.request("HEAD", "/api/v1/status")
    assert (reply.status, reply.body) == (200, b"")


def test_options(api: Client) -> None:
    reply = api.request("OPTIONS", "/api/v1/insights/annotate")
    assert (reply.status, reply.body, reply.header("Allow")) == (200, b"", "POST")
    assert api.request("OPTIONS", "/api/v1/nothing").status == 404


def test_preflight(api: Client) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    reply = api.request("OPTIONS", "/api/v1/insights/annotate/", headers=asked)
    assert (reply.status, reply.header("Allow")) == (200, None)
    assert reply.header("Access-Control-Allow-Methods") == "POST"
    assert reply.header("Access-Control-Allow-Headers") == "authorization"
    assert reply.header("Access-Control-Max-Age") == "86400"
    assert reply.header("Access-Control-Allow-Origin") == ORIGIN["Origin"]
    assert reply.header("Access-Control-Allow-Credentials") == "true"
    asked = {**ORIGIN, "Access-Control-Request-Method": "GET"}
    reply = api.request("OPTIONS", "/api/v1/questions", headers=asked)
    assert (reply.header("Access-Control-Allow-Methods"), reply.header("Access-Control-Allow-Headers")) == ("GET", "*")


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/nothing", "/api/v1/insights?count=x"])
def test_cors_echoes_the_origin_on_success_and_error(api: Client, path: str) -> None:
    reply = api.get(path, ORIGIN)
    assert reply.header("Access-Control-Allow-Origin") == ORIGIN["Origin"]
    assert reply.header("Access-Control-Allow-Credentials") == "true"
    assert "Origin" in reply.headers["vary"]
    assert api.get(path).header("Access-Control-Allow-Origin") is None


def test_request_id(api: Client) -> None:
    assert api.get("/api/v1/status", {"X-Request-ID": "abc-1"}).header("X-Request-ID") == "abc-1"
    for bad in ("", "a b", "x" * 65, "<script>"):
        assert re.fullmatch(
            "[0-9a-f]{32}", api.get("/api/v1/status", {"X-Request-ID": bad}).header("X-Request-ID") or ""
        )


def test_large_bodies_are_refused(tmp_path: Path) -> None:
    runtime = runtime_in(tmp_path, PaintPlugin(), settings={"server.max_body_bytes": 1000})
    with Served(runtime) as served:
        reply = served.client.form("/api/v1/insights/annotate", {"data": "x" * 2000})
        assert (reply.status, reply.json()) == (413, {"title": "413 Request Entity Too Large"})
    runtime.close()


def test_a_crash_is_a_500_without_details(api: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(runtime.store, "read", broken)
    reply = api.get("/api/v1/insights", ORIGIN)
    assert (reply.status, reply.json()) == (500, {"title": "500 Internal Server Error"})
    assert reply.header("Access-Control-Allow-Origin") == ORIGIN["Origin"]


def test_connections_beyond_the_limit_are_told(tmp_path: Path) -> None:
    runtime = runtime_in(tmp_path, PaintPlugin(), settings={"server.max_connections": 2})
    with Served(runtime) as served:
        where = served.url.removeprefix("http://").split(":")
        held = [socket.create_connection((where[0], int(where[1]))) for _ in range(2)]
        time.sleep(0.1)
        reply = served.client.get("/api/v1/status")
        assert (reply.status, reply.header("Retry-After")) == (503, "1")
        for one in held:
            one.close()
        time.sleep(0.1)
        assert served.client.get("/api/v1/status").status == 200
    runtime.close()


def test_connections_that_say_nothing_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FIRST_REQUEST", 0.3)
    runtime = runtime_in(tmp_path, PaintPlugin())
    with Served(runtime) as served:
        where = served.url.removeprefix("http://").split(":")
        silent, slow, polite = (socket.create_connection((where[0], int(where[1])), timeout=5) for _ in range(3))
        slow.send(b"GET /api/v1/status HTTP/1.1\r\n")
        polite.send(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        assert polite.recv(100).startswith(b"HTTP/1.1 200")
        assert silent.recv(100) == b""
        assert slow.recv(100) == b""
        polite.send(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")  # it may stay
        while b"HTTP/1.1 200" not in polite.recv(1000):
            pass
        for one in (silent, slow, polite):
            one.close()
    runtime.close()


def test_bodies_that_do_not_arrive_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BODY_SECONDS", 0.3)
    runtime = runtime_in(tmp_path, PaintPlugin())
    with Served(runtime) as served:
        where = served.url.removeprefix("http://").split(":")
        with socket.create_connection((where[0], int(where[1])), timeout=5) as one:
            one.send(
                b"POST /api/v1/insights/annotate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=1"
            )
            assert one.recv(100).startswith(b"HTTP/1.1 408")
    runtime.close()


def test_no_request_has_a_million_parameters(api: Client) -> None:
    reply = api.request(
        "POST", "/api/v1/insights/annotate", b"a&" * 5000, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (reply.status, reply.json()["description"]) == (400, "too many parameters, max: 1000")


def test_stopping_finishes_running_requests(tmp_path: Path) -> None:
    begun = threading.Event()

    def slow(_: object) -> dict[str, bool]:
        begun.set()
        time.sleep(0.5)
        return {"done": True}

    runtime = runtime_in(tmp_path, PaintPlugin(hang=slow))
    replies = []
    with Served(runtime) as served:
        thread = threading.Thread(target=lambda: replies.append(served.client.get("/api/v1/plugins/paint/hangs")))
        thread.start()
        assert begun.wait(5)
    thread.join(5)
    assert replies[0].json() == {"done": True}
    assert replies[0].header("Connection") == "close"  # so that no next request is sent on it and lost
    runtime.close()
