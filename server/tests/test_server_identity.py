"""Who calls: credentials, addresses behind proxies, devices, and the limit for anonymous writes."""

import base64
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from server_kit import ANNA, PaintPlugin, basic, insight, runtime_in, store

from robotoff_server.identity import Unusable, caller_of, client_address, credentials, networks
from robotoff_server.params import Parameters
from robotoff_server.ratelimit import RateLimit
from robotoff_server.testing import Served

KEY = b"a key of this deployment"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("Basic " + encoded("anna:secret"), ("anna", "secret")),
        ("bAsIc  " + encoded("anna:secret"), ("anna", "secret")),
        (encoded("anna:secret"), ("anna", "secret")),
        ("Basic " + encoded("anna%40x:a%3Ab"), ("anna@x", "a:b")),
        ("Basic " + encoded("anna:a:b+c"), ("anna", "a:b+c")),
        ("Basic " + encoded(":"), None),
        ("Basic " + encoded("null:null"), None),
    ],
)
def test_credentials(header: str | None, expected: tuple[str, str] | None) -> None:
    assert credentials(header) == expected


@pytest.mark.parametrize("header", ["Bearer abc", "Basic", "Basic !!!", "Basic " + encoded("anna"), "Digest x=y"])
def test_unusable_credentials(header: str) -> None:
    with pytest.raises(Unusable):
        credentials(header)


def request(peer: str, *lines: tuple[str, str], **headers: str) -> web.Request:
    given = [*lines, *((name.replace("_", "-"), value) for name, value in headers.items())]
    made = make_mocked_request("GET", "/", given)
    return made.clone(remote=peer)


PROXIES = networks(["10.0.0.0/8", "127.0.0.1", "::1"])


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("203.0.113.9", {"X_Forwarded_For": "198.51.100.1"}, "203.0.113.9"),  # nobody we trust says so
        ("10.0.0.2", {"X_Forwarded_For": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.2", {"X_Forwarded_For": "1.2.3.4, 198.51.100.1, 10.0.0.3"}, "198.51.100.1"),  # the first is invented
        ("10.0.0.2", {"X_Real_IP": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.2", {}, "10.0.0.2"),
        ("::ffff:10.0.0.2", {"X_Forwarded_For": "[2001:db8::1]:4711"}, "2001:db8::1"),
        ("10.0.0.2", {"X_Forwarded_For": "198.51.100.1:4711"}, "198.51.100.1"),
        ("10.0.0.2", {"X_Forwarded_For": "unknown"}, "unknown"),
    ],
)
def test_client_address(peer: str, headers: dict[str, str], expected: str) -> None:
    assert client_address(request(peer, **headers), PROXIES) == expected


def test_forwarded_counts_where_no_proxy_wrote_the_older_header() -> None:
    assert client_address(request("10.0.0.2", Forwarded="for=198.51.100.7, by=x"), PROXIES) == "198.51.100.7"
    # the proxy wrote one, and handed on what the client had invented in the other
    invented = request("10.0.0.2", Forwarded="for=1.2.3.4", X_Forwarded_For="198.51.100.1")
    assert client_address(invented, PROXIES) == "198.51.100.1"


def test_the_line_that_the_proxy_added_counts() -> None:
    invented, added = ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "198.51.100.1")
    assert client_address(request("10.0.0.2", invented, added), PROXIES) == "198.51.100.1"


def test_wrong_proxies_are_named() -> None:
    with pytest.raises(ValueError, match=r"server\.trusted_proxies: 'proxy'"):
        networks(["proxy"])


def test_callers() -> None:
    nothing = Parameters({})
    one = caller_of(request("203.0.113.9"), nothing, None, (), KEY)
    assert one.anonymous
    assert (one.device, one.own_device) == (one.address, False)
    other = caller_of(request("203.0.113.10"), nothing, None, (), KEY)
    assert one.address != other.address
    assert "203" not in one.address
    assert one.address != caller_of(request("203.0.113.9"), nothing, None, (), b"another deployment's").address
    named = caller_of(request("203.0.113.9"), Parameters({"device_id": ["d1"]}), "anna", (), KEY)
    assert (named.username, named.device, named.own_device) == ("anna", "d1", True)
    long = caller_of(request("203.0.113.9"), Parameters({"device_id": ["d" * 5000]}), None, (), KEY)
    assert len(long.device) == 40


def test_one_line_has_one_address() -> None:
    def digest(address: str) -> str:
        return caller_of(request(address), Parameters({}), None, (), KEY).address

    assert digest("2001:db8:0:1::1") == digest("2001:db8:0:1:ffff::2")
    assert digest("2001:db8:0:1::1") != digest("2001:db8:0:2::1")
    assert digest("::ffff:203.0.113.9") == digest("203.0.113.9")


def test_rate_limit() -> None:
    now = [0.0]
    limit = RateLimit(3, lambda: now[0])
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.blocked("a")
    assert limit.wait("a") == pytest.approx(20)
    assert limit.wait("b") == 0
    now[0] = 20.5
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    assert RateLimit(0).wait("a") == 0


def test_anonymous_writes_are_limited_and_named_ones_are_not(tmp_path: Path) -> None:
    runtime = runtime_in(tmp_path, PaintPlugin(), settings={"server.anonymous_writes_per_minute": 2})
    (one,) = store(runtime, insight())
    with Served(runtime) as served:
        skip = {"insight_id": one, "annotation": -1}
        post = served.client.form
        assert [post("/api/v1/insights/annotate", skip).status for _ in range(2)] == [200, 200]
        reply = post("/api/v1/insights/annotate", skip, {"Origin": "https://x.example"})
        assert reply.status == 429
        assert reply.json()["title"] == "429 Too Many Requests"
        assert 1 <= int(reply.header("Retry-After") or 0) <= 31
        assert reply.header("Access-Control-Allow-Origin") == "https://x.example"
        assert post("/api/v1/insights/annotate", skip, {"X-Forwarded-For": "203.0.113.77"}).status == 200
        assert post("/api/v1/insights/annotate", skip, ANNA).status == 200
        assert served.client.get("/api/v1/insights").status == 200
    runtime.close()


def test_an_address_that_guesses_passwords_is_not_listened_to(tmp_path: Path) -> None:
    runtime = runtime_in(tmp_path, PaintPlugin())
    asked: list[str] = []

    class Counting:
        def verify(self, username: str, password: str) -> str | None:
            asked.append(password)
            return None

    runtime.identity = Counting()
    with Served(runtime) as served:
        for number in range(40):
            assert served.client.get("/api/v1/insights", basic("anna", str(number))).status == 200
    assert len(asked) < 35
    runtime.close()
