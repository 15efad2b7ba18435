"""The taxonomies of a deployment: from a file, from a URL kept up to date by ETag, or the small packaged sample."""

import gzip
import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from attrs import field, frozen

from ..strict import mask_url
from .taxonomy import Taxonomy

__all__ = ["Refreshed", "Taxonomies", "TaxonomyError", "TaxonomyState"]

logger = logging.getLogger("robotoff.taxonomy")

_RECHECK = 60.0
"""Seconds after which a look-up sees that the file on disk has changed."""
_MAX_BYTES = 256 * 1024 * 1024
_EMPTY = Taxonomy()


class TaxonomyError(Exception):
    """A configured taxonomy cannot be used. The text names it, where it comes from, and the next step."""


@frozen
class TaxonomyState:
    """Where a taxonomy that was looked up comes from: ``origin`` is file, download, packaged or none."""

    name: str
    origin: str
    nodes: int
    source: str = ""
    problem: str | None = None


@frozen
class Refreshed:
    """What a refresh did with one taxonomy: ``updated``, ``unchanged`` or ``failed`` (with its reason)."""

    name: str
    outcome: str
    reason: str = ""


@frozen
class _Loaded:
    taxonomy: Taxonomy
    origin: str
    signature: Any
    checked: float = field(eq=False)


class Taxonomies:
    """Taxonomies by name ("labels"), loaded at the first look-up and then held in memory.

    *sources* says where each comes from: a path or a URL of a JSON export (gzip is recognised). A look-up never touches
    the network, so that it may happen anywhere: what :meth:`refresh` downloaded lies in *cache_dir*, shared by all
    processes, and is taken from there. Until the first download, and for names without a source, the packaged sample
    serves; a name without either is an empty taxonomy.
    """

    def __init__(
        self, sources: Mapping[str, str | Path] | None = None, cache_dir: Path | None = None, *, timeout: float = 20.0
    ) -> None:
        """*timeout*: seconds for one whole download."""
        self._sources = {name: str(source) for name, source in (sources or {}).items()}
        self._cache_dir = cache_dir
        self._timeout = timeout
        self._loaded: dict[str, _Loaded] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Taxonomy:
        """The taxonomy called *name*.

        Raises :class:`TaxonomyError` when its configured file cannot be read and no earlier state of it is in memory.
        """
        loaded = self._loaded.get(name)
        if loaded is not None and time.monotonic() - loaded.checked < _RECHECK:
            return loaded.taxonomy
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded is None or time.monotonic() - loaded.checked >= _RECHECK:
                loaded = self._loaded[name] = self._load(name, loaded)
        return loaded.taxonomy

    def refresh(self, names: Iterable[str] | None = None) -> list[Refreshed]:
        """Ask the sources (all, or those of *names*) whether they changed. Never raises for a source that is down: the
        taxonomy stays as it was, and the reason is in the result, the log and :meth:`states`.

        Uses the network: call it outside transactions, at start and every two hours.
        """
        results = []
        for name in list(self._sources) if names is None else list(names):
            source = self._sources.get(name)
            if source is None:
                continue
            try:
                changed = self._download(name, source) if _is_url(source) else self._changed(name)
            except (OSError, HTTPException, ValueError, EOFError, zlib.error, TaxonomyError) as error:
                reason = f"{type(error).__name__}: {error}"
                self._problems[name] = reason
                logger.warning("taxonomy %s was not refreshed from %s: %s", name, mask_url(source), reason)
                results.append(Refreshed(name, "failed", reason))
            else:
                self._problems.pop(name, None)
                results.append(Refreshed(name, "updated" if changed else "unchanged"))
        return results

    def states(self) -> list[TaxonomyState]:
        """The taxonomies that are configured or were looked up, by name."""
        states = []
        for name in sorted({*self._sources, *self._loaded}):
            loaded = self._loaded.get(name)
            source = mask_url(self._sources.get(name, ""))
            problem = self._problems.get(name)
            if loaded is None:
                states.append(TaxonomyState(name, "none", 0, source, problem))
            else:
                states.append(TaxonomyState(name, loaded.origin, len(loaded.taxonomy), source, problem))
        return states

    def _changed(self, name: str) -> bool:
        """Load *name* again if its file changed; whether it did."""
        with self._lock:
            before = self._loaded.get(name)
            after = self._loaded[name] = self._load(name, before, keep=False)
        return before is None or before.taxonomy is not after.taxonomy

    def _load(self, name: str, before: _Loaded | None, *, keep: bool = True) -> _Loaded:
        """What *name* is now: *before* with a new time when nothing changed, or (*keep*) when reading fails."""
        origin, path = self._place(name)
        now = time.monotonic()
        if path is None:
            if before is not None:
                return _Loaded(before.taxonomy, before.origin, before.signature, now)
            packaged = _packaged(name)
            if packaged is None:
                return _Loaded(_EMPTY, "none", None, now)
            return _Loaded(_parse(packaged, name), "packaged", None, now)
        try:
            signature = (path, _signature(path))
            if before is not None and before.signature == signature:
                return _Loaded(before.taxonomy, before.origin, signature, now)
            loaded = _Loaded(_parse(path.read_bytes(), name), origin, signature, now)
        except (OSError, ValueError, EOFError, zlib.error) as error:
            message = (
                f"taxonomy {name!r}: {path} cannot be used ({error}); correct or remove `taxonomies.{name}`"
                if origin == "file"
                else f"taxonomy {name!r}: the download {path} cannot be used ({error}); remove the file and refresh"
            )
            if before is None or not keep:
                raise TaxonomyError(message) from None
            self._problems[name] = str(error)
            logger.warning("%s; the version in memory stays", message)
            return _Loaded(before.taxonomy, before.origin, before.signature, now)
        if origin == "file":
            self._problems.pop(name, None)
        return loaded

    def _place(self, name: str) -> tuple[str, Path | None]:
        """(origin, path) of what is to be loaded; no path for the packaged sample."""
        source = self._sources.get(name)
        if source is None:
            return "packaged", None
        if not _is_url(source):
            return "file", Path(source)
        data, meta = self._cached(name)
        if data is not None and meta is not None and _meta(meta).get("url") == source and data.exists():
            return "download", data
        return "packaged", None

    def _cached(self, name: str) -> tuple[Path | None, Path | None]:
        if self._cache_dir is None:
            return None, None
        return self._cache_dir / f"{name}.json", self._cache_dir / f"{name}.meta.json"

    def _download(self, name: str, url: str) -> bool:
        """Fetch *url* unless its ETag is the one we have; whether something new came."""
        data_path, meta_path = self._cached(name)
        if data_path is None or meta_path is None:
            raise TaxonomyError(f"taxonomy {name!r} comes from a URL, which needs a cache directory")
        known = _meta(meta_path) if data_path.exists() else {}
        headers = {"Accept-Encoding": "gzip", "User-Agent": "robotoff"}
        if known.get("url") == url:
            if known.get("etag"):
                headers["If-None-Match"] = known["etag"]
            if known.get("modified"):
                headers["If-Modified-Since"] = known["modified"]
        deadline = time.monotonic() + self._timeout
        try:
            # The scheme was checked by _is_url.
            with urlopen(Request(url, headers=headers), timeout=self._timeout) as answer:  # noqa: S310
                body = b"".join(_chunks(answer, deadline, self._timeout))
                if answer.length:
                    raise ValueError(f"the download broke off {answer.length} bytes before its end")
                meta = {"url": url, "etag": answer.headers.get("ETag"), "modified": answer.headers.get("Last-Modified")}
        except HTTPError as error:
            if error.code == 304:
                return False
            raise
        if not len(_parse(body, name)):
            raise ValueError("the download holds no nodes")
        meta["fetched"] = datetime.now(UTC).isoformat(timespec="seconds")
        data_path.parent.mkdir(parents=True, exist_ok=True)
        _replace(data_path, body)
        _replace(meta_path, json.dumps(meta).encode())
        with self._lock:
            self._loaded[name] = self._load(name, None)
        return True


def _is_url(source: str) -> bool:
    return urlsplit(source).scheme in ("http", "https")


def _chunks(answer: Any, deadline: float, timeout: float) -> Iterator[bytes]:
    size = 0
    while chunk := answer.read(1 << 16):
        size += len(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the download took longer than {timeout:g} s")
        if size > _MAX_BYTES:
            raise ValueError(f"the download is larger than {_MAX_BYTES} bytes")
        yield chunk


def _meta(path: Path) -> dict[str, Any]:
    """What is known of a download; nothing when there is none or it was cut off."""
    try:
        meta = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return meta if isinstance(meta, dict) else {}


def _replace(path: Path, content: bytes) -> None:
    """Write *path* so that other processes see the old or the new content, never a part."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_bytes(content)
    draft.replace(path)


def _signature(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _packaged(name: str) -> bytes | None:
    if not name.isidentifier():
        return None
    sample = resources.files(__package__) / "data" / f"{name}.json"
    return sample.read_bytes() if sample.is_file() else None


def _parse(content: bytes, name: str) -> Taxonomy:
    """Raises :class:`ValueError` for anything that is not a taxonomy."""
    import orjson

    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return Taxonomy.from_dict(orjson.loads(content), name=name)
