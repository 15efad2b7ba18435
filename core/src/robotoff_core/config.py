"""Configuration: one file, ``robotoff.toml``, then ``ROBOTOFF_*`` variables, then options; the later wins.

Variables separate levels by two underscores: ``ROBOTOFF_SERVER__PORT=5501`` is ``server.port``. ``ROBOTOFF_CONFIG``
names the file. Every value remembers where it came from (``robotoff config show``). With no file at all everything
runs embedded, in ``./var``.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen, validators

from .strict import MASK, Problem, Refused, StructureError, Text, is_secret, mask_url, structure

__all__ = [
    "Account",
    "AnswersConfig",
    "AutomaticConfig",
    "AutomaticRule",
    "Config",
    "ConfigError",
    "JobsConfig",
    "Layer",
    "Origin",
    "PluginsConfig",
    "ProductsConfig",
    "ServerConfig",
    "Shown",
    "load_config",
]

DEFAULT_FILE = "robotoff.toml"
ENV_PREFIX = "ROBOTOFF_"
ENV_FILE = "ROBOTOFF_CONFIG"
_ENV_RESERVED = (ENV_FILE, "ROBOTOFF_TEST_")  # the file's own name; variables of test runs


class ConfigError(Exception):
    """The configuration is wrong. The text names the file or variable, the dotted key and the next step."""


class Layer(IntEnum):
    """Where a value may come from; a higher layer wins."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    OPTION = 3


@frozen
class Origin:
    """Where one value came from: its layer, and the file with line, the variable or the option."""

    layer: Layer
    where: str

    def __str__(self) -> str:
        return self.where


DEFAULT = Origin(Layer.DEFAULT, "default")


def _url(value: str) -> str:
    return repr(mask_url(value))


def _begins(*schemes: str, empty: bool) -> Callable[[Any, Any, str], None]:
    """A validator of addresses. It quotes none: there may be a password in it."""

    def check(_: Any, attribute: Any, value: str) -> None:
        if not (empty and not value) and not value.startswith(tuple(f"{scheme}:" for scheme in schemes)):
            wanted = " or ".join(f"{scheme}://" for scheme in schemes if "+" not in scheme)
            raise Refused(f"'{attribute.name}' must begin with {wanted}")

    return check


_DATABASE = _begins("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg2", "postgres", empty=False)
_REDIS = _begins("redis", "rediss", "unix", empty=True)


@frozen
class PluginsConfig:
    """``[plugins]``: which plugins run, and one table of settings per slug.

    ``enabled``: only these, in this order of precedence; ``None``: every installed one. ``disabled``: never these.
    When both name a plugin, the later layer decides; within one layer ``disabled`` does.
    """

    enabled: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)


@frozen
class ServerConfig:
    """``[server]``: ``max_body_bytes`` bytes; ``image_base`` replaces the address that image paths are appended to.

    ``secret`` keys the digests that stand for voters' addresses; equal on all hosts of a deployment. Without one, a key
    is made at the first start and kept in ``var``.
    """

    host: str = "127.0.0.1"
    port: int = field(default=5500, validator=[validators.ge(0), validators.le(65535)])
    image_base: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    max_body_bytes: int = field(default=2_000_000, validator=validators.ge(1))
    anonymous_writes_per_minute: int = field(default=60, validator=validators.ge(0))
    max_connections: int = field(default=200, validator=validators.ge(1))


@frozen
class JobsConfig:
    """``[jobs]``: ``workers`` threads; deadlines and ``lease`` in seconds.

    ``document_deadline`` bounds all predictors on one document together, ``call_deadline`` one call of an importer,
    annotator or formatter.
    """

    workers: int = field(default=2, validator=validators.ge(1))
    document_deadline: float = field(default=10.0, validator=validators.gt(0))
    call_deadline: float = field(default=2.0, validator=validators.gt(0))
    lease: float = field(default=60.0, validator=validators.gt(0))
    max_attempts: int = field(default=5, validator=validators.ge(1))
    trip_after: int = field(default=5, validator=validators.ge(1))


@frozen
class AnswersConfig:
    """``[answers]``: ``wait`` seconds an interactive caller waits for the edit; ``votes_needed`` equal votes decide."""

    wait: float = field(default=3.0, validator=validators.ge(0))
    votes_needed: int = field(default=3, validator=validators.ge(1))
    distinct_voters: Literal["device-and-address", "device"] = "device-and-address"


@frozen
class AutomaticRule:
    """One rule of the automatic policy; an absent field matches everything, and the last matching rule decides."""

    allow: bool
    type: str | None = None
    predictor: str | None = None
    server_type: str | None = None


@frozen
class AutomaticConfig:
    """``[automatic]``: what plugins propose to apply without a person is applied ``wait_minutes`` later, if allowed."""

    enabled: bool = True
    wait_minutes: float = field(default=10.0, validator=validators.ge(0))
    rules: tuple[AutomaticRule, ...] = ()


@frozen
class Account:
    """A local account: a password, or its hash ``scrypt$...`` (preferred outside demonstrations), made by
    ``python -c "from robotoff_core.identity import hash_password as h; print(h(input()))"``."""

    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.password is None) == (self.password_hash is None):
            raise Refused("give exactly one of `password` and `password_hash`")
        if self.password_hash is not None and not self.password_hash.startswith("scrypt$"):
            raise Refused("'password_hash' must begin with scrypt$")


@frozen
class ProductsConfig:
    """``[products]``: ``file`` of the embedded products and recorded edits ("" for no product source); ``timeout`` in
    seconds for one read or write."""

    file: str = "{var}/products.db"
    timeout: float = field(default=5.0, validator=validators.gt(0))


@frozen
class RetentionConfig:
    """``[retention]``: days after which is forgotten what nobody needs any more.

    ``jobs``: finished ones; ``events``: the log of insights; ``why``: what was dropped in a product's latest import;
    ``votes``: the digests of voters' devices and addresses (the votes themselves stay).
    """

    jobs: int = field(default=30, validator=validators.ge(1))
    events: int = field(default=730, validator=validators.ge(1))
    why: int = field(default=365, validator=validators.ge(1))
    votes: int = field(default=365, validator=validators.ge(1))


@frozen
class Config:
    """The whole configuration, and the origin of every value by dotted key. Secrets never stand in its ``repr``."""

    var: Path = Path("var")
    database: str = field(default="sqlite:///{var}/robotoff.db", repr=_url, validator=_DATABASE)
    redis: str = field(default="", repr=_url, validator=_REDIS)
    strict: bool = False
    plugins: PluginsConfig = field(factory=PluginsConfig)
    server: ServerConfig = field(factory=ServerConfig)
    jobs: JobsConfig = field(factory=JobsConfig)
    answers: AnswersConfig = field(factory=AnswersConfig)
    automatic: AutomaticConfig = field(factory=AutomaticConfig)
    accounts: Mapping[str, Account] = field(factory=dict, repr=lambda accounts: repr(sorted(accounts)))
    products: ProductsConfig = field(factory=ProductsConfig)
    retention: RetentionConfig = field(factory=RetentionConfig)
    taxonomies: Mapping[str, str] = field(factory=dict)
    file: Path | None = field(default=None, metadata={"internal": True})
    origins: Mapping[str, Origin] = field(factory=dict, repr=False, metadata={"internal": True})

    def origin(self, key: str) -> Origin:
        """Where the value of the dotted *key* came from; for a table or list, the highest layer that touched it."""
        found = [origin for name, origin in self.origins.items() if name == key or name.startswith(f"{key}.")]
        return max(found, key=lambda origin: origin.layer, default=DEFAULT)

    def shown(self) -> "list[Shown]":
        """Every value with its origin, secrets masked; what ``robotoff config show`` prints."""
        rows = list(_shown(self, ()))
        for slug, table in self.plugins.settings.items():
            rows.extend(_shown(table, ("plugins", slug)))
        return [Shown(key, value, self.origin(key)) for key, value in rows]


@frozen
class Shown:
    """One row of ``robotoff config show``: a JSON value, already masked."""

    key: str
    value: Any
    origin: Origin


def load_config(
    path: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The configuration of this process.

    *path*: the file; else ``ROBOTOFF_CONFIG``, else ``robotoff.toml`` in the working directory when it exists.
    *overrides*: values by dotted key (``{"server.port": 5501}``), from command-line options; the strongest layer. A
    :class:`~robotoff_core.strict.Text` is converted to the type its key wants, any other value must have it.
    *environ*: the environment; the process's own by default.

    Raises :class:`ConfigError` naming file (with line), variable or option, dotted key and next step.
    """
    environ = os.environ if environ is None else environ
    raw: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    file = _find_file(path, environ)
    if file is not None:
        text, table = _read(file)
        lines = _key_lines(text)
        for keys, value in _leaves(table):
            line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
            _put(raw, origins, keys, value, Origin(Layer.FILE, f"{file}:{line}" if line else str(file)))
    for name, value in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and not name.startswith(_ENV_RESERVED):
            keys = tuple(name[len(ENV_PREFIX) :].lower().split("__"))
            _put(raw, origins, keys, Text(value), Origin(Layer.ENVIRONMENT, name))
    for key, value in (overrides or {}).items():
        value = str(value) if isinstance(value, Path) else value
        _put(raw, origins, tuple(key.split(".")), value, Origin(Layer.OPTION, f"option {key}"))
    return _structured(raw, origins, file)


def _structured(raw: dict[str, Any], origins: dict[str, Origin], file: Path | None) -> Config:
    problems: list[Problem] = []
    plugins = raw.get("plugins", {})
    settings: dict[str, Mapping[str, Any]] = {}
    if isinstance(plugins, Mapping):
        for slug in [name for name in plugins if name not in ("enabled", "disabled")]:
            if isinstance(plugins[slug], Mapping):
                settings[slug] = plugins[slug]
            else:
                message = "unknown key (known: enabled, disabled, and one table per plugin)"
                problems.append(Problem(("plugins", slug), message))
        raw = {**raw, "plugins": {key: plugins[key] for key in plugins if key in ("enabled", "disabled")}}
    for reserved in [name for name in ("file", "origins") if name in raw]:
        problems.append(Problem((reserved,), "unknown key"))
        raw = {key: value for key, value in raw.items() if key != reserved}
    config = Config()
    try:
        config = structure(raw, Config)
    except StructureError as error:
        problems.extend(error.problems)
    if problems:
        raise ConfigError("\n".join(_sentence(problem, origins) for problem in problems))
    products = attrs.evolve(config.products, file=_expanded(config.products.file, config.var))
    return attrs.evolve(
        config,
        database=_expanded(config.database, config.var),
        products=products,
        plugins=attrs.evolve(config.plugins, settings=settings),
        file=file,
        origins=origins,
    )


def _sentence(problem: Problem, origins: Mapping[str, Origin]) -> str:
    """One problem, said with its origin, its key and what to do next."""
    key = ".".join(problem.path)
    places = [origin.where for name, origin in origins.items() if name == key or name.startswith(f"{key}.")]
    while not places and "." in key:  # a required key that is absent: name its table's place
        key = key.rpartition(".")[0]
        places = [origin.where for name, origin in origins.items() if name == key or name.startswith(f"{key}.")]
    key = ".".join(problem.path)
    where = places[0] if places else "configuration"
    return f"{where}: {key}: {problem.message}. Correct or remove it; `robotoff config check` tries again."


def _expanded(value: str, var: Path) -> str:
    return value.replace("{var}", str(var))


def _find_file(path: Path | str | None, environ: Mapping[str, str]) -> Path | None:
    named = str(path) if path is not None else environ.get(ENV_FILE, "")
    if named:
        if not Path(named).is_file():
            by = "--config" if path is not None else ENV_FILE
            raise ConfigError(f"{named}: no such file (named by {by}). Create it, or name another file.")
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}. Make it a UTF-8 file readable by this user.") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}. Correct that line.") from None


_HEADER = re.compile(r"^\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each key, by dotted path: tomllib does not tell. Only for messages, so the first match is enough."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = _segments(header[1])
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, *_segments(found[1])), number)
    return lines


def _segments(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path; an empty table is a value too, so that it is seen."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _put(raw: dict[str, Any], origins: dict[str, Origin], keys: tuple[str, ...], value: Any, origin: Origin) -> None:
    """Set *value* over what lower layers said, forgetting the origins it replaces."""
    table = raw
    for key in keys[:-1]:
        inner = table.get(key)
        if not isinstance(inner, dict):
            inner = table[key] = {}
        table = inner
    table[keys[-1]] = value
    dotted = ".".join(keys)
    for name in [name for name in origins if name.startswith(f"{dotted}.") or dotted.startswith(f"{name}.")]:
        del origins[name]
    origins[dotted] = origin


def _shown(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) or attrs.has(type(value)):
        for key, part in _members(value):
            yield from _shown(part, (*path, str(key)))
        return
    yield ".".join(path), _masked(value, path)


def _members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    members = [(f.name, getattr(value, f.name)) for f in attrs.fields(type(value)) if not f.metadata.get("internal")]
    return [member for member in members if not (isinstance(value, PluginsConfig) and member[0] == "settings")]


def _masked(value: Any, path: tuple[str, ...]) -> Any:
    """A JSON value without secrets."""
    if is_secret(path) and value is not None:
        return MASK
    if isinstance(value, str):
        return mask_url(value)
    if isinstance(value, list | tuple):
        return [_masked(part, path) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _masked(part, (*path, str(key))) for key, part in value.items()}
    if attrs.has(type(value)):
        return _masked(attrs.asdict(value, recurse=False), path)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
