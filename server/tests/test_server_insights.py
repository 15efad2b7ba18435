"""``/insights``: the object, the filters, paging, and who has already voted."""

from datetime import UTC, datetime
from urllib.parse import quote
from uuid import uuid4

import pytest
from server_kit import ANNA, NOW, insight, store

from robotoff_core.model.insights import Status
from robotoff_core.runtime import Runtime
from robotoff_server.serialize import dump
from robotoff_server.testing import Client

KEYS = (
    "id,barcode,type,data,timestamp,completed_at,annotation,annotated_result,n_votes,username,countries,brands,"
    "process_after,value_tag,value,source_image,automatic_processing,server_type,unique_scans_n,reserved_barcode,"
    "predictor,predictor_version,campaign,confidence,bounding_box,lc,with_image"
)


@pytest.fixture
def server_database(database_url: str) -> str:
    """SQLite and PostgreSQL."""
    return database_url


def test_the_object(api: Client, runtime: Runtime) -> None:
    one = insight(
        data={"été": [1, {"x": None}]},
        countries=("en:france",),
        brands=("x",),
        campaigns=("c",),
        lc=("fr",),
        box=(0.1, 0.2, 0.3, 0.4),
        confidence=0.5,
        unique_scans_n=7,
        process_after=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    store(runtime, one)
    reply = api.get(f"/api/v1/insights/detail/{one.id}")
    body = reply.json()
    assert ",".join(body) == KEYS
    assert body["timestamp"] == "2026-03-01T12:00:00.465460"
    assert body["process_after"] == "2026-03-01T12:00:00"
    assert body["bounding_box"] == [0.1, 0.2, 0.3, 0.4]
    assert (body["campaign"], body["countries"], body["lc"]) == (["c"], ["en:france"], ["fr"])
    assert body["annotation"] is None
    assert '"été"'.encode() in reply.body
    assert reply.header("Content-Type") == "application/json"
    assert api.get(f"/api/v1/insights/detail/{one.id.hex}").json() == body


def test_json_that_the_fast_encoder_refuses() -> None:
    assert dump({"big": 2**70, "half": "\ud800"}) == b'{"big":1180591620717411303424,"half":"\\ud800"}'


def test_unknown_details(api: Client) -> None:
    for name in (uuid4(), "1", "x"):
        reply = api.get(f"/api/v1/insights/detail/{name}")
        assert (reply.status, reply.json()) == (404, {"title": "404 Not Found"})


def test_of_a_product(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        insight("00000013", tag="en:a", automatic=True),
        insight("00000013", tag="en:b", annotation=1, status=Status.APPLIED),
        insight("00000013", tag="en:c", status=Status.SUPERSEDED),
        insight("00000013", tag="en:d", server_type="obf"),
    )
    body = api.get("/api/v1/insights/13").json()
    assert list(body) == ["insights", "status"]
    assert [one["value_tag"] for one in body["insights"]] == ["en:a"]
    assert api.get("/api/v1/insights/13?server_type=obf").json()["insights"][0]["value_tag"] == "en:d"
    assert api.get("/api/v1/insights/999").json() == {"status": "no_insights"}
    assert api.get("/api/v1/insights/13?server_type=x").json() == {"title": "invalid `server_type`: x"}


@pytest.fixture
def many(runtime: Runtime) -> Runtime:
    store(
        runtime,
        insight(tag="en:red", countries=("en:france",), brands=("b1",), campaigns=("c1", "c2", "c3"), lc=("fr",)),
        insight(tag="en:blue", countries=("en:india",), brands=("b2",), campaigns=("c1",), unique_scans_n=9),
        insight(kind="shape", tag=None, value="round", predictor="grammar", lc=("de", "en")),
        insight("00000012", kind="secret", tag="en:x", annotation=0, status=Status.REJECTED, completed_at=NOW),
    )
    return runtime


FILTERS: list[tuple[str, set[str]]] = [
    ("", {"en:red", "en:blue", "round", "en:x"}),
    ("insight_types=colour", {"en:red", "en:blue"}),
    ("insight_types=colour,shape", {"en:red", "en:blue", "round"}),
    ("insight_types=colour%2Cshape", {"en:red", "en:blue", "round"}),
    ("insight_types=colour&insight_types=shape", {"en:red", "en:blue", "round"}),
    ("insight_types=", set()),
    ("insight_types=unheard-of", set()),
    ("barcode=12", {"en:x"}),
    ("barcode=", {"en:red", "en:blue", "round", "en:x"}),
    ("annotated=true", {"en:x"}),
    ("annotated=", {"en:x"}),
    ("annotated=false", {"en:red", "en:blue", "round"}),
    ("annotation=0", {"en:x"}),
    ("annotation=99999999999999999999", set()),
    ("value_tag=en:red", {"en:red"}),
    ("value_tag=", {"en:red", "en:blue", "round", "en:x"}),
    ("brands=b1,b2", {"en:red", "en:blue"}),
    ("predictor=grammar", {"round"}),
    ("countries=fr,in", {"en:red", "en:blue"}),
    ("countries=fr", {"en:red"}),
    ("campaigns=c1,c3", {"en:red"}),
    ("campaigns=c1", {"en:red", "en:blue"}),
    ("lc=de,fr", {"en:red", "round"}),
    ("order_by=random", {"en:red", "en:blue", "round", "en:x"}),
    ("server_type=obf", set()),
    ("app_name=x&comment=%00y&unknown=1", {"en:red", "en:blue", "round", "en:x"}),
]


def test_filters(api: Client, many: Runtime) -> None:
    for query, expected in FILTERS:
        body = api.get(f"/api/v1/insights/?{query}").json()
        assert list(body) == ["count", "insights", "status"]
        assert {one["value_tag"] or one["value"] for one in body["insights"]} == expected, query
        assert body["count"] == len(expected)
        assert body["status"] == ("found" if expected else "no_insights")


def test_popularity(api: Client, many: Runtime) -> None:
    assert api.get("/api/v1/insights?order_by=popularity").json()["insights"][0]["value_tag"] == "en:blue"


def parameter(name: str, reason: str) -> str:
    return f'The "{name}" parameter is invalid. {reason}'


REFUSALS: list[tuple[str, str, str | None]] = [
    ("count=x", "Invalid parameter", parameter("count", "The value must be an integer.")),
    ("count=", "Invalid parameter", parameter("count", "The value must be an integer.")),
    ("page=0", "Invalid parameter", parameter("page", "The value must be at least 1")),
    ("annotated=TRUE", "Invalid parameter", parameter("annotated", "The value is not formatted correctly.")),
    ("order_by=x", "400 Bad Request", "invalid `order_by` value: x"),
    ("countries=FR", "400 Bad Request", "invalid `countries` value: ['FR']"),
    ("server_type=off-pro", "invalid `server_type`: off-pro", None),
    ("value_tag=%00", "Invalid parameter", parameter("value_tag", "The value may not contain a NUL character.")),
]


def test_refusals(api: Client) -> None:
    for query, title, description in REFUSALS:
        reply = api.get(f"/api/v1/insights?{query}")
        expected = {"title": title} if description is None else {"title": title, "description": description}
        assert (reply.status, reply.json()) == (400, expected), query


def test_paging_is_stable_and_the_count_stops_at_100(api: Client, runtime: Runtime) -> None:
    store(runtime, *(insight(tag=f"en:{number}") for number in range(120)))
    pages = [api.get(f"/api/v1/insights?count=50&page={page}").json() for page in (1, 2, 3, 4)]
    assert [len(page["insights"]) for page in pages] == [50, 50, 20, 0]
    assert len({one["id"] for page in pages for one in page["insights"]}) == 120
    assert [page["count"] for page in pages] == [100] * 4
    assert [page["status"] for page in pages] == ["found"] * 3 + ["no_insights"]
    assert api.get("/api/v1/insights/random?type=colour&count=5").json()["count"] == 120


def test_open_insights_of_a_plugin_that_is_off_wait(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        insight("00000012", tag="en:a", plugin="absent"),
        insight("00000012", tag="en:b", predictor_plugin="absent"),
        insight("00000012", tag="en:c", plugin="absent", annotation=1, status=Status.APPLIED),
    )
    assert api.get("/api/v1/insights/12").json() == {"status": "no_insights"}
    assert api.get("/api/v1/insights?annotated=false").json()["count"] == 0
    assert api.get("/api/v1/insights?annotated=true").json()["count"] == 1


def test_what_was_voted_on_is_left_out(api: Client, runtime: Runtime) -> None:
    one, other = store(runtime, insight(tag="en:a"), insight(tag="en:b"))
    skip = {"insight_id": one, "annotation": -1, "device_id": "d1"}
    assert api.form("/api/v1/insights/annotate", skip, ANNA).json()["status_code"] == 9

    def seen(query: str, headers: dict[str, str] | None = None) -> int:
        return int(api.get(f"/api/v1/insights?{query}", headers).json()["count"])

    assert seen("device_id=d1") == 1
    assert seen("device_id=d2") == 2
    assert seen("device_id=d2", ANNA) == 1
    assert seen("device_id=d2", {"Authorization": "Bearer x"}) == 2
    assert seen("") == 1  # the same address says nothing else about itself
    assert seen("", {"X-Forwarded-For": "203.0.113.5"}) == 2
    assert api.get(f"/api/v1/insights/detail/{other}").status == 200


def test_values_with_commas_and_odd_text(api: Client, runtime: Runtime) -> None:
    store(runtime, insight(tag="en:a,b"))
    assert api.get("/api/v1/insights?value_tag=en:a,b").json()["count"] == 1
    assert api.get(f"/api/v1/insights?value_tag={quote(chr(0x1F600))}").json()["count"] == 0
    assert api.get("/api/v1/insights?value_tag=%ff%fe").json()["count"] == 0
    assert api.get("/api/v1/insights/%00").status == 404
    assert api.get("/api/v1/insights/org%2F1").json() == {"status": "no_insights"}
    assert api.get("/api/v1/insights/' or 1=1 --".replace(" ", "%20")).json() == {"status": "no_insights"}
