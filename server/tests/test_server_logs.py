"""Logs: one JSON object a line, the request's id in every line that its work writes, nothing secret."""

import io
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from server_kit import ANNA, insight, store

from robotoff_core.runtime import Runtime
from robotoff_server import logs
from robotoff_server.testing import Client, Served


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.set_up("info", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_with_extras_and_exceptions(written: io.StringIO) -> None:
    try:
        raise KeyError("ä")
    except KeyError:
        logging.getLogger("x").exception("no %s", "luck", extra={"job": 7, "odd": {1: object}})
    (line,) = lines(written)
    assert (line["level"], line["logger"], line["message"], line["job"]) == ("error", "x", "no luck", 7)
    assert line["exception"].endswith("KeyError: 'ä'")
    assert line["time"].endswith("+00:00")


def test_each_request_has_a_line(api: Client, written: io.StringIO) -> None:
    api.get("/api/v1/status?token=hidden", {"X-Request-ID": "abc"})
    (line,) = [line for line in lines(written) if line["logger"] == "robotoff.server"]
    assert (line["request"], line["method"], line["path"], line["status"]) == ("abc", "GET", "/api/v1/status", 200)
    assert line["ms"] >= 0


def test_the_id_goes_into_the_threads(
    api: Client, runtime: Runtime, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = runtime.store.read

    def noted() -> Any:
        logging.getLogger("store").info("reading")
        return read()

    monkeypatch.setattr(runtime.store, "read", noted)
    api.get("/api/v1/insights", {"X-Request-ID": "abc"})
    assert {line["request"] for line in lines(written) if line["logger"] == "store"} == {"abc"}


def test_what_is_no_http_is_answered_and_not_logged(api: Client, written: io.StringIO) -> None:
    reply = api.request("GET", "/" + "a" * 10000)
    assert reply.status == 400
    assert lines(written) == []


def test_a_body_that_cannot_be_decoded_is_answered_and_no_error(api: Client, written: io.StringIO) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
    reply = api.request("POST", "/api/v1/insights/annotate", b"insight_id=1", headers)
    assert reply.status == 400
    assert reply.json()["description"] == "The request's body is not encoded as its headers say."
    assert api.get("/api/v1/status").status == 200
    assert {line["level"] for line in lines(written)} == {"info"}


def test_a_client_that_goes_away_is_no_error(runtime: Runtime, written: io.StringIO) -> None:
    with Served(runtime) as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as one:
            one.send(
                b"POST /api/v1/insights/annotate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=1"
            )
            time.sleep(0.1)
        for _ in range(50):
            if lines(written):
                break
            time.sleep(0.1)
    assert [(line["level"], line["status"]) for line in lines(written)] == [("info", 499)]


def test_no_password_is_logged_or_answered(api: Client, runtime: Runtime, written: io.StringIO) -> None:
    (one,) = store(runtime, insight())
    reply = api.form("/api/v1/insights/annotate", {"insight_id": one, "annotation": 0, "password": "hunter2"}, ANNA)
    assert reply.status == 200
    said = written.getvalue() + reply.body.decode() + repr(runtime.config)
    for secret in ("secret", "hunter2", ANNA["Authorization"].split()[1]):
        assert secret not in said.replace('"secret"', "")  # a type of the test's plugin has that name
