"""The whole circle over HTTP with the plugins as they are installed: a photo's OCR goes in, a question comes out, a
person answers, an edit reaches the product. On SQLite and PostgreSQL, without a blocking call in the event loop.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.config import load_config
from robotoff_core.jobs.process import make_worker
from robotoff_core.model.ids import ProductId
from robotoff_core.products.recording import RecordingProducts
from robotoff_core.runtime import Runtime
from robotoff_server.testing import Client, Served, forbid_blocking
from robotoff_server.up import load_demo

DEMO = {"Authorization": "Basic ZGVtbzpkZW1v"}
ANNOTATE = "/api/v1/insights/annotate"


def opened(folder: Path, database: str, **overrides: Any) -> Runtime:
    given = {
        "var": str(folder),
        "database": database,
        "accounts.demo.password": "demo",
        "server.trusted_proxies": ["127.0.0.1"],
        "server.anonymous_writes_per_minute": 0,
    }
    return Runtime.open(load_config(None, {**given, **overrides}, environ={}))


@pytest.fixture
def runtime(tmp_path: Path, database_url: str) -> Iterator[Runtime]:
    one = opened(tmp_path, database_url)
    assert load_demo(one) >= 12
    assert make_worker(one, None).run_pending() > 12
    assert load_demo(one) == 0
    yield one
    one.close()


@pytest.fixture
def api(runtime: Runtime) -> Iterator[Client]:
    with Served(runtime) as served, forbid_blocking():
        yield served.client


def products(runtime: Runtime) -> RecordingProducts:
    assert isinstance(runtime.products, RecordingProducts)
    return runtime.products


def questions(api: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/v1/questions?count=100&{query}").json()["questions"]
    return found


def answer(api: Client, insight_id: str, annotation: int, headers: dict[str, str], **values: Any) -> int:
    reply = api.form(ANNOTATE, {"insight_id": insight_id, "annotation": annotation, **values}, headers)
    return int(reply.json()["status_code"])


def read_types_by_list_and_by_repetition(api: Client) -> None:
    for query in ("insight_types=label,product_weight", "insight_types=label&insight_types=product_weight"):
        assert {one["insight_type"] for one in questions(api, query)} == {"label", "product_weight"}
    assert {one["insight_type"] for one in questions(api, "insight_types=label,")} == {"label"}
    assert questions(api, "insight_types=category") == []


def read_questions_speak_the_readers_language(api: Client) -> None:
    english = {one["insight_id"]: one for one in questions(api, "lang=en")}
    french = {one["insight_id"]: one for one in questions(api, "lang=fr")}
    assert english.keys() == french.keys()
    assert any(french[key]["question"] != english[key]["question"] for key in english)
    assert {one["question"] for one in questions(api, "lang=xx")} == {one["question"] for one in english.values()}


def read_every_question_has_a_picture(api: Client) -> None:
    for one in questions(api):
        assert one["source_image_url"].startswith("https://images.openfoodfacts.org/images/products/952/")
        assert one["source_image_url"].endswith(".400.jpg")


def read_of_one_product(api: Client) -> None:
    one = questions(api)[0]
    body = api.get(f"/api/v1/questions/{int(one['barcode'])}?lang=en").json()
    assert one["insight_id"] in {each["insight_id"] for each in body["questions"]}
    assert {each["barcode"] for each in body["questions"]} == {one["barcode"]}
    listed = api.get(f"/api/v1/insights/{one['barcode']}/").json()
    assert one["insight_id"] in {each["id"] for each in listed["insights"]}


def answer_from_photo_to_edit(api: Client, runtime: Runtime) -> None:
    asked = questions(api)
    assert len(asked) >= 12
    for kind in ("label", "product_weight"):
        one = next(question for question in asked if question["insight_type"] == kind)
        product = ProductId(one["barcode"])
        before = products(runtime).get([product])[product]
        assert answer(api, one["insight_id"], 1, DEMO) == 2
        (edit,) = products(runtime).edits(product)[:1]
        assert edit.comment.startswith("[robotoff] ")
        assert edit.comment.endswith(f"ID: {one['insight_id']}")
        after = products(runtime).get([product])[product]
        if kind == "label":
            assert one["value_tag"] in after.tags("labels_tags")
            assert one["value_tag"] not in before.tags("labels_tags")
        else:
            assert after.text("quantity") == one["value"]
        detail = api.get(f"/api/v1/insights/detail/{one['insight_id']}").json()
        assert (detail["annotation"], detail["username"], detail["annotated_result"]) == (1, "demo", 2)
        assert detail["source_image"].startswith("/952/")
    left = {one["insight_id"] for one in questions(api)}
    assert len(left) < len(asked)


def answer_anonymous_votes_and_skips(api: Client, runtime: Runtime) -> None:
    first, second = questions(api, "insight_types=label")[:2]

    def vote(insight: dict[str, Any], value: int, number: int) -> int:
        proxied = {"X-Forwarded-For": f"203.0.113.{number}"}
        return answer(api, insight["insight_id"], value, proxied, device_id=f"device-{number}")

    assert [vote(first, 1, number) for number in (1, 2, 3)] == [9, 9, 2]
    assert products(runtime).edits()[0].comment.endswith("(applied after 3 anonymous votes)")
    assert [vote(second, value, number) for number, value in enumerate((1, 0, 1, 0))] == [9, 9, 9, 1]
    detail = api.get(f"/api/v1/insights/detail/{second['insight_id']}").json()
    assert (detail["annotation"], detail["n_votes"], detail["username"]) == (-1, 4, None)


def answer_a_refusing_product_server(api: Client, runtime: Runtime) -> None:
    one = questions(api, "insight_types=label")[0]
    products(runtime).fault("fail")
    assert answer(api, one["insight_id"], 1, DEMO) == 10
    assert one["insight_id"] in {each["insight_id"] for each in questions(api)}
    assert answer(api, one["insight_id"], 1, DEMO) == 2


def test_reading(api: Client) -> None:
    """One set-up for all that changes nothing: it costs seconds on each database."""
    read_types_by_list_and_by_repetition(api)
    read_questions_speak_the_readers_language(api)
    read_every_question_has_a_picture(api)
    read_of_one_product(api)


def test_answering(api: Client, runtime: Runtime) -> None:
    answer_from_photo_to_edit(api, runtime)
    answer_anonymous_votes_and_skips(api, runtime)
    answer_a_refusing_product_server(api, runtime)


def test_a_plugin_that_is_switched_off_hides_its_questions_and_brings_them_back(
    runtime: Runtime, tmp_path: Path, database_url: str
) -> None:
    def kinds(*disabled: str) -> set[str]:
        one = opened(tmp_path, database_url, **{"plugins.disabled": list(disabled)})
        try:
            with Served(one) as served:
                states = {
                    each["slug"]: each["state"] for each in served.client.get("/api/v1/plugins").json()["plugins"]
                }
                assert all(states[slug] == "disabled" for slug in disabled)
                return {each["insight_type"] for each in questions(served.client)}
        finally:
            one.close()

    assert kinds() == {"label", "product_weight"}
    assert kinds("labels") == {"product_weight"}
    assert kinds("labels", "weight") == set()
    assert kinds() == {"label", "product_weight"}
