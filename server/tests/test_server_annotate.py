"""``POST /insights/annotate``: its checks in their order, votes, users, and what reaches the product."""

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from server_kit import ANNA, basic, from_address, insight, store

from robotoff_core.model.insights import Insight
from robotoff_core.runtime import Runtime
from robotoff_server.testing import Client

PATH = "/api/v1/insights/annotate"


@pytest.fixture
def server_database(database_url: str) -> str:
    """SQLite and PostgreSQL."""
    return database_url


def current(runtime: Runtime, insight_id: UUID) -> Insight:
    with runtime.store.read() as tx:
        found = tx.insights.get(insight_id)
    assert found is not None
    return found


def answer(api: Client, insight_id: UUID, annotation: int, headers: dict[str, str] | None = None, **values: Any) -> int:
    reply = api.form(PATH, {"insight_id": insight_id, "annotation": annotation, **values}, headers)
    assert reply.status == 200, reply.body
    body = reply.json()
    assert list(body) == ["status_code", "status", "description"]
    return int(body["status_code"])


def vote(api: Client, insight_id: UUID, value: int, number: int, **values: Any) -> int:
    return answer(api, insight_id, value, from_address(number), device_id=f"device-{number}", **values)


HERE = {"insight_id": "7b4ac1d2-3a1b-4b7a-9d0c-111111111111"}


BAD = "400 Bad Request"


def invalid(name: str, reason: str) -> tuple[str, str]:
    return "Invalid parameter", f'The "{name}" parameter is invalid. {reason}'


def missing(name: str) -> tuple[str, str]:
    return "Missing parameter", f'The "{name}" parameter is required.'


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({}, *missing("insight_id")),
    ({"insight_id": "x"}, *invalid("insight_id", "The value must be a UUID string.")),
    (HERE, *missing("annotation")),
    ({**HERE, "annotation": "x"}, *invalid("annotation", "The value must be an integer.")),
    ({**HERE, "annotation": 3}, *invalid("annotation", "The value may not exceed 2")),
    ({**HERE, "annotation": -2}, *invalid("annotation", "The value must be at least -1")),
    ({**HERE, "annotation": 1, "update": "TRUE"}, *invalid("update", "The value is not formatted correctly.")),
    ({**HERE, "annotation": 2, "data": "{"}, *invalid("data", "It could not be parsed as JSON.")),
    ({**HERE, "annotation": 2}, BAD, "`data` must be provided when annotation == 2"),
    ({**HERE, "annotation": 2, "data": "{}", "update": 0}, BAD, "`update` must be true when annotation == 2"),
    ({**HERE, "annotation": 1, "data": "{}"}, BAD, "`annotation` must be 2 when `data` is provided"),
    ({**HERE, "annotation": 2, "data": "{}"}, BAD, "`data` cannot be provided when the user is not authenticated"),
]


def test_refusals(api: Client) -> None:
    for values, title, description in REFUSALS:
        reply = api.form(PATH, values)
        assert (reply.status, reply.json()) == (400, {"title": title, "description": description}), values


def test_unusable_credentials_are_refused_after_the_parameters(api: Client) -> None:
    bearer = {"Authorization": "Bearer x"}
    reply = api.form(PATH, {**HERE, "annotation": 1}, bearer)
    assert (reply.status, reply.json()) == (401, {"title": "Invalid authentication, Basic auth expected."})
    assert api.form(PATH, HERE, bearer).status == 400


def test_a_json_body_is_no_form(api: Client) -> None:
    reply = api.request("POST", PATH, b'{"insight_id": "x"}', {"Content-Type": "application/json"})
    assert reply.json()["description"] == 'The "insight_id" parameter is required.'


def test_unknown_insight(api: Client) -> None:
    reply = api.form(PATH, {"insight_id": uuid4(), "annotation": 1})
    assert (reply.status, reply.json()) == (
        200,
        {"status_code": 6, "status": "error_unknown_insight", "description": "unknown insight ID"},
    )


def test_three_votes_apply(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert [vote(api, one, 1, number) for number in (1, 2, 3)] == [9, 9, 2]
    after = current(runtime, one)
    assert (after.annotation, after.username, after.n_votes, after.annotated_result) == (1, None, 3, 2)
    (edit,) = runtime.products.edits()  # type: ignore[attr-defined]
    assert edit.comment.startswith("[robotoff] Adding colour 'en:red', ID: ")
    assert edit.comment.endswith(f"ID: {one} (applied after 3 anonymous votes)")
    assert vote(api, one, 1, 4) == 5


def test_a_split_is_ambiguous_and_writes_nothing(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert [vote(api, one, value, number, update=1) for number, value in enumerate((1, 0, 1, 0))] == [9, 9, 9, 1]
    after = current(runtime, one)
    assert (after.annotation, after.n_votes) == (-1, 4)
    assert runtime.products.edits() == []  # type: ignore[attr-defined]


def test_skips_decide_nothing(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert [vote(api, one, -1, number) for number in (1, 2, 3)] == [9, 9, 9]
    after = current(runtime, one)
    assert (after.annotation, after.n_votes) == (None, 0)


def test_one_device_has_one_vote(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert [vote(api, one, 1, 1) for _ in range(5)] == [9] * 5
    # nor does one address with many device ids
    assert [answer(api, one, 1, from_address(2), device_id=f"other-{n}") for n in range(3)] == [9] * 3
    assert current(runtime, one).annotation is None


def test_a_user_decides(api: Client, runtime: Runtime) -> None:
    one, other = store(runtime, insight(tag="en:red"), insight(tag="en:blue"))
    assert answer(api, one, 0, ANNA) == 1
    after = current(runtime, one)
    assert (after.annotation, after.username, after.n_votes) == (0, "anna", 0)
    with runtime.store.read() as tx:
        assert tx.votes.of(one) == []
    assert answer(api, other, 1, ANNA) == 2
    (edit,) = runtime.products.edits()  # type: ignore[attr-defined]
    assert edit.comment.endswith(f"ID: {other}")
    assert answer(api, other, 1, ANNA) == 5


def test_a_users_skip_is_a_vote_with_both_names(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert answer(api, one, -1, ANNA, device_id="d1") == 9
    with runtime.store.read() as tx:
        (row,) = tx.votes.of(one)
    assert (row.username, row.device_id, row.value) == ("anna", "d1", -1)
    assert current(runtime, one).annotation is None


@pytest.mark.parametrize("headers", [basic("anna", "wrong"), basic("mallory", "x"), basic("null", "null")])
def test_unknown_credentials_only_vote(api: Client, runtime: Runtime, headers: dict[str, str]) -> None:
    (one,) = store(runtime, insight())
    assert answer(api, one, 0, headers) == 9
    assert current(runtime, one).annotation is None
    with runtime.store.read() as tx:
        assert tx.votes.of(one)[0].username is None


def test_a_session_cookie_is_nobody(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert answer(api, one, 0, {"Cookie": "session=user_id&anna&user_session&x"}) == 9


def test_corrected_data(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight(tag="en:red"))
    reply = api.form(PATH, {"insight_id": one, "annotation": 2, "data": '{"x":1}'}, ANNA).json()
    assert (reply["status_code"], reply["status"]) == (11, "error_invalid_data")
    assert "value_tag" in reply["description"]
    assert current(runtime, one).annotation is None
    assert answer(api, one, 2, ANNA, data='{"value_tag":"en:beef"}') == 12
    after = current(runtime, one)
    assert (after.annotation, after.value_tag) == (2, "en:beef")
    assert after.data["original_value_tag"] == "en:red"


def test_without_update_nothing_is_written(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    assert answer(api, one, 1, ANNA, update=0) == 1
    assert runtime.products.edits() == []  # type: ignore[attr-defined]


def test_types_that_need_a_login_say_so_and_stay_open(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight(kind="secret", tag="en:x"))
    assert [vote(api, one, 1, number) for number in (1, 2, 3)] == [13] * 3
    assert current(runtime, one).annotation is None
    assert answer(api, one, 1, ANNA) == 1


def test_a_server_that_fails_reopens(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    runtime.products.fault("fail")  # type: ignore[attr-defined]
    assert answer(api, one, 1, ANNA) == 10
    assert current(runtime, one).annotation is None
    assert answer(api, one, 1, ANNA) == 2


def test_parameters_may_stand_in_the_query_and_the_form_wins(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    reply = api.form(f"{PATH}/?insight_id={uuid4()}&annotation=0", {"insight_id": one}, ANNA)
    assert reply.json()["status_code"] == 1


def test_answers_at_the_same_time_write_once(api: Client, runtime: Runtime) -> None:
    (one,) = store(runtime, insight())
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(answer(api, one, 1, ANNA))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [2, 5, 5, 5, 5, 5]
    assert len(runtime.products.edits()) == 1  # type: ignore[attr-defined]
