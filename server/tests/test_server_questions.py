"""``/questions``: which insights are asked, in which order, in which words."""

from urllib.parse import urlencode

import pytest
from server_kit import ANNA, insight, store

from robotoff_core.model.insights import Status
from robotoff_core.runtime import Runtime
from robotoff_server.testing import Client


@pytest.fixture
def server_database(database_url: str) -> str:
    """SQLite and PostgreSQL."""
    return database_url


def tags(api: Client, path: str, headers: dict[str, str] | None = None) -> list[str]:
    return [one.get("value_tag") or one["value"] for one in api.get(f"/api/v1{path}", headers).json()["questions"]]


def test_the_object(api: Client, runtime: Runtime) -> None:
    one = insight(tag="en:red")
    store(runtime, one)
    body = api.get("/api/v1/questions?lang=fr").json()
    assert list(body) == ["count", "questions", "status"]
    assert body["questions"] == [
        {
            "barcode": "3270190020010",
            "server_type": "off",
            "type": "add-binary",
            "value": "red",
            "question": "Est-ce sa couleur ?",
            "insight_id": str(one.id),
            "insight_type": "colour",
            "value_tag": "en:red",
            "source_image_url": "https://images.openfoodfacts.org/images/products/327/019/002/0010/1.400.jpg",
        }
    ]
    assert list(body["questions"][0])[:2] == ["barcode", "server_type"]


def test_optional_keys_are_absent(api: Client, runtime: Runtime) -> None:
    store(runtime, insight(kind="shape", tag=None, value="round", source_image=None, with_image=False))
    (one,) = api.get("/api/v1/questions").json()["questions"]
    assert not {"value_tag", "ref_image_url", "source_image_url"} & set(one)


def test_what_is_asked(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        insight(tag="en:a"),
        insight(tag="en:automatic", automatic=True),
        insight(tag="en:answered", annotation=0, status=Status.REJECTED),
        insight(tag="en:deciding", status=Status.DECIDING),
        insight(tag="en:superseded", status=Status.SUPERSEDED),
        insight(tag="en:off", plugin="absent"),
        insight(tag="en:lost", predictor_plugin="absent"),
        insight(tag="en:imported", predictor_plugin="", component=""),
        insight("2000000000008", tag="en:reserved", reserved_barcode=True),
        insight(kind="secret", tag="en:secret"),
        insight(kind="unowned", tag="en:unowned"),
    )
    assert set(tags(api, "/questions")) == {"en:a", "en:imported"}
    assert set(tags(api, "/questions?reserved_barcode=true")) == {"en:a", "en:imported", "en:reserved"}
    assert set(tags(api, "/questions?insight_types=secret,unowned")) == set()
    assert api.get("/api/v1/questions?insight_types=secret").json() == {
        "count": 0,
        "questions": [],
        "status": "no_questions",
    }
    assert tags(api, "/questions/2000000000008") == ["en:reserved"]


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({}, ["en:popular", "en:sure", "round"]),
    ({"order_by": "confidence"}, ["en:sure", "en:popular", "round"]),
    ({"insight_types": "shape"}, ["round"]),
    ({"insight_types": "colour,shape", "count": 1, "page": 2}, ["en:sure"]),
    ({"value_tag": "en:sure"}, ["en:sure"]),
    ({"brands": "b1,b9"}, ["en:popular"]),
    ({"countries": "fr"}, ["en:popular"]),
    ({"campaign": "c1"}, ["en:sure"]),
    ({"campaigns": "c1,c2"}, []),
    ({"campaigns": "c1", "campaign": "c2"}, ["en:sure"]),
    ({"predictor": "grammar"}, ["round"]),
    ({"with_image": "false"}, ["round"]),
    ({"with_image": "true"}, ["en:popular", "en:sure"]),
    ({"page": 99}, []),
]


def test_filters_and_orders(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        insight(tag="en:popular", unique_scans_n=9, countries=("en:france",), brands=("b1",), confidence=0.1),
        insight(tag="en:sure", unique_scans_n=5, confidence=0.9, campaigns=("c1",)),
        insight(kind="shape", tag=None, value="round", predictor="grammar", with_image=False),
    )
    by_popularity = ["en:popular", "en:sure", "round"]
    for query, expected in FILTERS:
        sent = urlencode(query)
        assert tags(api, f"/questions/?{sent}") == expected, sent
        assert tags(api, f"/questions/popular?{sent}&order_by=x") == sorted(expected, key=by_popularity.index)
        if query.get("page") is None:
            assert set(tags(api, f"/questions/random?{sent}")) == set(expected)


def test_an_unknown_order(api: Client) -> None:
    reply = api.get("/api/v1/questions?order_by=x")
    assert (reply.status, reply.json()["description"]) == (400, "invalid 'x' value for `order_by` parameter")


def test_counts_stop_at_100_and_pages_go_on(api: Client, runtime: Runtime) -> None:
    store(runtime, *(insight(tag=f"en:{number:03}") for number in range(120)))
    first, last = (api.get(f"/api/v1/questions?count=1&page={page}").json() for page in (1, 99))
    assert (first["count"], last["count"], len(last["questions"])) == (100, 100, 1)
    beyond = api.get("/api/v1/questions?count=60&page=3").json()
    assert beyond == {"count": 100, "questions": [], "status": "no_questions"}


def test_a_formatter_that_fails_costs_its_question_only(api: Client, runtime: Runtime) -> None:
    store(runtime, insight(tag="en:broken"), insight(tag="en:red"))
    assert tags(api, "/questions") == ["en:red"]


def test_a_tripped_formatter_takes_no_places_on_a_page(api: Client, runtime: Runtime) -> None:
    popular = [insight(tag=f"en:{number}", unique_scans_n=9) for number in range(5)]
    store(runtime, *popular, insight(kind="shape", tag=None, value="round"))
    assert len(tags(api, "/questions?count=2")) == 2
    runtime.breaker.trip("paint.formatter:colour", "paint", "it failed")
    body = api.get("/api/v1/questions?count=2").json()
    assert (body["count"], [one["value"] for one in body["questions"]]) == (1, ["round"])
    assert tags(api, "/questions/3270190020010") == ["round"]


def test_of_a_product(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        insight("0042100005264", tag="en:less", n_votes=0),
        insight("0042100005264", tag="en:more", n_votes=2),
        insight("0042100005264", kind="shape", tag=None, value="round"),
    )
    # by the types' declared priority, then by votes; and limited after sorting
    assert tags(api, "/questions/42100005264") == ["round", "en:more", "en:less"]
    assert tags(api, "/questions/042100005264?count=1&page=7") == ["round"]
    assert tags(api, "/questions/42100005264?insight_types=colour&lang=xx") == ["en:more", "en:less"]
    assert list(api.get("/api/v1/questions/42100005264").json()) == ["questions", "status"]
    assert api.get("/api/v1/questions/999").json() == {"questions": [], "status": "no_questions"}


def test_unanswered(api: Client, runtime: Runtime) -> None:
    store(
        runtime,
        *(insight(f"000000000000{n}", tag="en:soups") for n in range(3)),
        *(insight(f"000000000000{n}", tag="en:apricot") for n in range(2)),
        insight(kind="shape", tag=None, value="round"),
        insight(tag="en:automatic", automatic=True),
    )
    body = api.get("/api/v1/questions/unanswered/").json()
    assert body == {"count": 6, "questions": [["en:soups", 3], ["en:apricot", 2], [None, 1]], "status": "found"}
    body = api.get("/api/v1/questions/unanswered?type=colour&count=1&page=2").json()
    assert body == {"count": 5, "questions": [["en:apricot", 2]], "status": "found"}
    assert api.get("/api/v1/questions/unanswered?type=x").json() == {
        "count": 0,
        "questions": [],
        "status": "no_questions",
    }


def test_skipping_hides_from_user_and_device(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    skip = {"insight_id": one, "annotation": -1, "device_id": "d1"}
    assert api.form("/api/v1/insights/annotate", skip, ANNA).json()["status"] == "vote_saved"
    assert tags(api, "/questions?device_id=d9", ANNA) == []
    assert tags(api, "/questions?device_id=d1") == []
    assert tags(api, "/questions/3270190020010?device_id=d1") == []
    assert tags(api, "/questions?device_id=d2") == ["en:red"]
