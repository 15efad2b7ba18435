"""Where taxonomies come from: files, URLs with ETag, the cache and the packaged sample."""

import gzip
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.taxonomy import Taxonomies, TaxonomyError, taxonomies

FIRST = {"en:a": {"name": {"en": "A"}}}
SECOND = {"en:a": {"name": {"en": "A"}}, "en:b": {"name": {"en": "B"}}}


class Source(ThreadingHTTPServer):
    """A real web server with one taxonomy, told by its attributes how to behave."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body: bytes = json.dumps(FIRST).encode()
        self.etag: str | None = '"1"'
        self.status = 200
        self.delay = 0.0
        self.cut = False
        self.requests: list[tuple[dict[str, str], int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/labels.json"


class Handler(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        server = self.server
        known = self.headers.get("If-None-Match")
        status = 304 if server.status == 200 and server.etag and known == server.etag else server.status
        server.requests.append((dict(self.headers), status))
        self.send_response(status)
        if server.etag:
            self.send_header("ETag", server.etag)
        body = b"" if status == 304 else server.body
        if status != 304:
            self.send_header("Content-Length", str(len(body) + (10 if server.cut else 0)))
        self.end_headers()
        for byte in range(0, len(body), 5):
            time.sleep(server.delay)
            self.wfile.write(body[byte : byte + 5])
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        return None


@pytest.fixture
def source() -> Iterator[Source]:
    with Source() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def write(path: Path, nodes: Any) -> Path:
    path.write_bytes(json.dumps(nodes).encode())
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    return path


def test_a_file_is_read_once_and_seen_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "labels.json", FIRST)
    known = Taxonomies({"labels": path}, tmp_path / "cache")
    first = known.get("labels")
    assert "en:a" in first
    assert known.get("labels") is first
    assert [result.outcome for result in known.refresh()] == ["unchanged"]
    write(path, SECOND)
    assert known.get("labels") is first  # looked at again only after a minute, or by refresh
    assert [result.outcome for result in known.refresh()] == ["updated"]
    assert "en:b" in known.get("labels")
    monkeypatch.setattr(taxonomies, "_RECHECK", -1.0)
    write(path, FIRST)
    assert "en:b" not in known.get("labels")
    assert known.states()[0].origin == "file"


def test_a_gzipped_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.full.json.gz"
    path.write_bytes(gzip.compress(json.dumps(SECOND).encode()))
    assert len(Taxonomies({"labels": str(path)}).get("labels")) == 2


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"en:a": 5}', b"\x1f\x8bxx", b'{"a": "\xff"}'])
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "labels.json"
    if content is not None:
        path.write_bytes(content)
    known = Taxonomies({"labels": path})
    with pytest.raises(TaxonomyError, match=r"taxonomy 'labels': .*labels\.json cannot be used .*`taxonomies\.labels`"):
        known.get("labels")
    (result,) = known.refresh()
    assert result.outcome == "failed"
    assert known.states()[0].problem == result.reason


def test_a_file_that_breaks_leaves_the_version_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "labels.json", FIRST)
    known = Taxonomies({"labels": path})
    first = known.get("labels")
    path.write_bytes(b"{")
    monkeypatch.setattr(taxonomies, "_RECHECK", -1.0)
    assert known.get("labels") is first
    assert known.states()[0].problem
    write(path, SECOND)
    assert "en:b" in known.get("labels")
    assert known.states()[0].problem is None


def test_a_url_is_downloaded_by_refresh_only(tmp_path: Path, source: Source) -> None:
    known = Taxonomies({"labels": source.url}, tmp_path)
    assert "en:organic" in known.get("labels")  # the packaged sample, without any request
    assert known.states()[0].origin == "packaged"
    assert source.requests == []
    assert [result.outcome for result in known.refresh()] == ["updated"]
    assert list(known.get("labels")) == ["en:a"]
    assert known.states()[0].origin == "download"


def test_an_equal_etag_moves_nothing(tmp_path: Path, source: Source) -> None:
    known = Taxonomies({"labels": source.url}, tmp_path)
    known.refresh()
    first = known.get("labels")
    assert [result.outcome for result in known.refresh()] == ["unchanged"]
    assert [status for _, status in source.requests] == [200, 304]
    assert known.get("labels") is first
    source.body, source.etag = json.dumps(SECOND).encode(), '"2"'
    assert [result.outcome for result in known.refresh()] == ["updated"]
    assert "en:b" in known.get("labels")


def test_the_download_outlives_the_process_and_is_shared(tmp_path: Path, source: Source) -> None:
    Taxonomies({"labels": source.url}, tmp_path).refresh()
    later = Taxonomies({"labels": source.url}, tmp_path)
    assert list(later.get("labels")) == ["en:a"]
    assert [result.outcome for result in later.refresh()] == ["unchanged"]
    assert len(source.requests) == 2


def test_another_processs_download_is_seen(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomies, "_RECHECK", -1.0)
    mine = Taxonomies({"labels": source.url}, tmp_path)
    assert "en:organic" in mine.get("labels")
    Taxonomies({"labels": source.url}, tmp_path).refresh()
    assert list(mine.get("labels")) == ["en:a"]


def test_another_url_does_not_use_the_old_download(tmp_path: Path, source: Source) -> None:
    Taxonomies({"labels": source.url}, tmp_path).refresh()
    other = Taxonomies({"labels": source.url + "?other"}, tmp_path)
    assert "en:organic" in other.get("labels")
    other.refresh()
    assert "If-None-Match" not in source.requests[-1][0]
    assert list(other.get("labels")) == ["en:a"]


def test_a_gzipped_answer(tmp_path: Path, source: Source) -> None:
    source.body = gzip.compress(json.dumps(SECOND).encode())
    known = Taxonomies({"labels": source.url}, tmp_path)
    known.refresh()
    assert len(known.get("labels")) == 2


@pytest.mark.parametrize("trouble", ["status", "junk", "empty", "cut", "slow", "down"])
def test_trouble_leaves_everything_as_it_was(tmp_path: Path, source: Source, trouble: str) -> None:
    known = Taxonomies({"labels": source.url, "b": str(write(tmp_path / "b", SECOND))}, tmp_path / "cache", timeout=0.5)
    known.refresh()
    source.etag = '"2"'
    source.body = json.dumps(SECOND).encode()
    if trouble == "status":
        source.status = 503
    elif trouble == "junk":
        source.body = b"<html>Maintenance</html>"
    elif trouble == "empty":
        source.body = b"{}"
    elif trouble == "cut":
        source.cut = True
    elif trouble == "slow":
        source.delay = 0.1
    else:
        source.shutdown()
        source.server_close()
    started = time.monotonic()
    results = {result.name: result for result in known.refresh()}
    assert time.monotonic() - started < 3
    assert results["labels"].outcome == "failed"
    assert results["labels"].reason
    assert results["b"].outcome == "unchanged"
    assert list(known.get("labels")) == ["en:a"]
    assert {state.name: bool(state.problem) for state in known.states()} == {"labels": True, "b": False}
    assert list(Taxonomies({"labels": source.url}, tmp_path / "cache").get("labels")) == ["en:a"]


def test_a_url_needs_a_cache_directory(source: Source) -> None:
    (result,) = Taxonomies({"labels": source.url}).refresh()
    assert result.outcome == "failed"
    assert "needs a cache directory" in result.reason


def test_a_password_in_the_url_is_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = Taxonomies({"labels": "http://user:hunter2@127.0.0.1:1/x"}, tmp_path, timeout=0.2)
    known.refresh()
    assert "hunter2" not in caplog.text + repr(known.states())


def test_threads_get_one_object(tmp_path: Path) -> None:
    known = Taxonomies({"labels": write(tmp_path / "x", SECOND)})
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(known.get("labels"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
