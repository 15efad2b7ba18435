"""Parameters: where they come from, what they accept, and the words of every refusal."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from robotoff_server.errors import ApiError
from robotoff_server.params import MAX_COUNT, MAX_INTEGER, MAX_ITEMS, Parameters, country_tags


def of(query: str, form: str | None = None) -> Parameters:
    return Parameters.parse(query, form)


def refusal(call: Callable[[], Any]) -> tuple[int, str, str | None]:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value.status, caught.value.title, caught.value.description


def invalid(name: str, reason: str) -> tuple[int, str, str]:
    return 400, "Invalid parameter", f'The "{name}" parameter is invalid. {reason}'


@pytest.mark.parametrize("query", ["a=x&a=y&a=z", "a=x,y,z", "a=x%2Cy%2Cz", "a=x%2Cy&a=z", "a=x,y%2Cz"])
def test_three_ways_to_send_a_list(query: str) -> None:
    assert of(query).items("a") == ["x", "y", "z"]


def test_lists_keep_blanks() -> None:
    assert of("a=").items("a") == [""]
    assert of("a").items("a") == [""]
    assert of("a=x,").items("a") == ["x", ""]
    assert of("").items("a") is None
    assert of("a=1,2,3").items("a", first=2) == ["1", "2"]
    assert of("a=1,2").items("a", int) == [1, 2]
    assert refusal(lambda: of("a=1,b").items("a", int)) == invalid("a", "The value is not formatted correctly.")


@pytest.mark.parametrize("comma", [",", "%2C", "&a="])
def test_lists_have_a_length(comma: str) -> None:
    assert of("a=" + comma.join("x" * MAX_ITEMS)).items("a") == ["x"] * MAX_ITEMS
    too_long = "a=" + comma.join("x" * (MAX_ITEMS + 1))
    assert refusal(lambda: of(too_long).items("a")) == invalid("a", "The list may not exceed 500 values.")


def test_scalars_are_never_split() -> None:
    assert of("a=hello, world").text("a") == "hello, world"
    assert of('a={"x":1,"y":2}').json("a") == {"x": 1, "y": 2}
    assert of("a=%7B%22x%22%3A1%2C%22y%22%3A2%7D").json("a") == {"x": 1, "y": 2}
    assert of("a=x,").text("a") == "x,"


def test_the_last_of_a_repeated_scalar_counts() -> None:
    assert of("a=1&a=2").integer("a") == 2


def test_the_form_wins_by_name() -> None:
    parameters = of("a=1&b=2", "a=3&c=4+5")
    assert [parameters.text(name) for name in "abc"] == ["3", "2", "4 5"]


def test_escapes() -> None:
    assert of("a=%C3%A9+%2B").text("a") == "é +"
    assert of("a=%ff").text("a") == "\ufffd"
    assert refusal(lambda: of("a=%00").text("a")) == invalid("a", "The value may not contain a NUL character.")


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("-1", -1), ("%205", 5), ("9" * 40, MAX_INTEGER)])
def test_integers(text: str, value: int) -> None:
    assert of(f"a={text}").integer("a") == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e3", "9" * 5000])
def test_no_integers(text: str) -> None:
    assert refusal(lambda: of(f"a={text}").integer("a")) == invalid("a", "The value must be an integer.")


def test_bounds() -> None:
    assert refusal(lambda: of("page=0").page()) == invalid("page", "The value must be at least 1")
    assert refusal(lambda: of("count=0").page()) == invalid("count", "The value must be at least 1")
    assert refusal(lambda: of("a=3").integer("a", low=-1, high=2)) == invalid("a", "The value may not exceed 2")
    assert of("").page() == (25, 0)
    assert of("page=3&count=10").page() == (10, 20)
    assert of(f"count={MAX_COUNT + 5}&page=2").page() == (MAX_COUNT, MAX_COUNT)
    assert of("page=99999999999999999999").page() == (25, MAX_INTEGER)


def test_numbers() -> None:
    assert of("a=0.5").number("a") == 0.5
    assert math.isclose(of("a=1e-3").number("a") or 0, 0.001)
    for text in ("", "x", "nan", "inf"):
        assert refusal(partial(of(f"a={text}").number, "a")) == invalid("a", "The value must be a float.")
    assert refusal(lambda: of("a=2").number("a", high=1)) == invalid("a", "The value may not exceed 1")


@pytest.mark.parametrize("text", ["true", "True", "t", "yes", "y", "1", "on", ""])
def test_true(text: str) -> None:
    assert of(f"a={text}").boolean("a") is True


@pytest.mark.parametrize("text", ["false", "False", "f", "no", "n", "0", "off"])
def test_false(text: str) -> None:
    assert of(f"a={text}").boolean("a", True) is False


@pytest.mark.parametrize("text", ["TRUE", "FALSE", "2", "null"])
def test_neither(text: str) -> None:
    assert refusal(lambda: of(f"a={text}").boolean("a")) == invalid("a", "The value is not formatted correctly.")


def test_identifiers() -> None:
    expected = UUID("12345678-1234-5678-1234-567812345678")
    assert of("a=12345678123456781234567812345678").uuid("a") == expected
    assert of(f"a={expected}").uuid("a") == expected
    assert refusal(lambda: of("a=1").uuid("a")) == invalid("a", "The value must be a UUID string.")
    assert refusal(lambda: of("").uuid("a")) == (400, "Missing parameter", 'The "a" parameter is required.')


def test_json() -> None:
    assert of("").json("a") is None
    assert refusal(lambda: of("a={").json("a")) == invalid("a", "It could not be parsed as JSON.")


def test_server_types() -> None:
    assert of("").server_type() == "off"
    assert of("server_type=off_pro").server_type() == "off_pro"
    for name in ("off-pro", "OFF", ""):
        assert refusal(of(f"server_type={name}").server_type) == (
            400,
            f"invalid `server_type`: {name}",
            None,
        )


def test_countries() -> None:
    assert of("countries=fr,in").countries() == ["en:france", "en:india"]
    assert of("countries=uk").countries() == ["en:united-kingdom"]
    assert of("").countries() is None
    for code in ("xx", "FR", "france", ""):
        assert refusal(of(f"countries={code}").countries) == (
            400,
            "400 Bad Request",
            f"invalid `countries` value: ['{code}']",
        )


def test_the_country_table() -> None:
    table = country_tags()
    assert len(table) > 245
    assert all(len(code) == 2 and code.islower() for code in table)
    assert all(tag.startswith("en:") and tag == tag.lower() and " " not in tag for tag in table.values())


def test_barcodes() -> None:
    assert of("barcode=42100005264").barcode() == "0042100005264"
    assert of("barcode=1").barcode() == "00000001"
    assert of("barcode=").barcode() is None


def test_campaigns() -> None:
    assert of("campaigns=a,b&campaign=c").campaigns() == ["a", "b"]
    assert of("campaign=c").campaigns() == ["c"]
    assert of("campaign=").campaigns() is None
