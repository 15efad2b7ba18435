"""Configuration: file, environment, options; strict types; origins; secrets; messages with file, key and next step."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from click.testing import CliRunner

from robotoff_core.cli.main import cli
from robotoff_core.config import Config, ConfigError, Layer, load_config
from robotoff_core.strict import MASK, StructureError, Text, is_secret, mask_url, structure


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "robotoff.toml"
    file.write_text(
        """
strict = true

[server]
port = 5501
trusted_proxies = ["10.0.0.1"]

[accounts.demo]
password = "hunter2"

[[automatic.rules]]
allow = false
predictor = "regex"

[plugins]
disabled = ["one"]

[plugins.two]
api_token = "s3cr3t"
limit = 3
""",
        encoding="utf-8",
    )
    return file


def test_no_file_runs_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(environ={})
    assert config.database == "sqlite:///var/robotoff.db"
    assert config.products.file == str(Path("var/products.db"))
    assert config.plugins.enabled is None
    assert str(config.origin("server.port")) == "default"


def test_the_folder_moves_what_lies_in_it() -> None:
    config = load_config(overrides={"var": Path("/srv/robotoff")}, environ={})
    assert config.database == "sqlite:////srv/robotoff/robotoff.db"
    assert config.products.file == "/srv/robotoff/products.db"


def test_later_layers_win_and_are_remembered(written: Path) -> None:
    config = load_config(written, {"server.host": "::1"}, {"ROBOTOFF_SERVER__PORT": "5502"})
    assert (config.server.port, config.server.host, config.strict) == (5502, "::1", True)
    assert str(config.origin("server.port")) == "ROBOTOFF_SERVER__PORT"
    assert str(config.origin("server.host")) == "option server.host"
    assert str(config.origin("strict")) == f"{written}:2"
    assert str(config.origin("server.trusted_proxies")) == f"{written}:6"
    assert config.origin("automatic.rules").layer is Layer.FILE
    assert str(config.origin("plugins.two.limit")) == f"{written}:20"
    assert config.origin("server.max_connections").layer is Layer.DEFAULT


def test_the_environment_names_the_file(written: Path) -> None:
    assert load_config(environ={"ROBOTOFF_CONFIG": str(written)}).server.port == 5501
    with pytest.raises(ConfigError, match=r"absent\.toml: no such file \(named by ROBOTOFF_CONFIG\)"):
        load_config(environ={"ROBOTOFF_CONFIG": "absent.toml"})


def test_a_file_in_the_working_directory_counts(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written.parent)
    assert load_config(environ={}).server.port == 5501


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ROBOTOFF_PLUGINS__ENABLED": "one, two"}, ("one", "two")),
        ({"ROBOTOFF_PLUGINS__ENABLED": '["one"]'}, ("one",)),
        ({"ROBOTOFF_PLUGINS__ENABLED": ""}, ()),
    ],
)
def test_lists_in_variables(variables: dict[str, str], expected: tuple[str, ...]) -> None:
    assert load_config(environ=variables).plugins.enabled == expected


def test_texts_in_variables_stay_texts() -> None:
    config = load_config(environ={"ROBOTOFF_ACCOUNTS__ANNA__PASSWORD": "1234", "ROBOTOFF_STRICT": "TRUE"})
    assert config.accounts["anna"].password == "1234"
    assert config.strict is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('strict = "false"', r"robotoff\.toml:1: strict: expected true or false, got the text 'false'"),
        ("strict = 1", r"strict: expected true or false, got the number 1"),
        ('[server]\nport = "5501"', r"robotoff\.toml:2: server\.port: expected a whole number, got the text '5501'"),
        ("[server]\nport = 5501.5", r"server\.port: expected a whole number"),
        ("[server]\nport = 70000", r"server\.port: must be <= 65535"),
        ("[server]\nprot = 1", r"robotoff\.toml:2: server\.prot: unknown key \(did you mean `port`\?\)\. Correct"),
        ("sever = 1", r"robotoff\.toml:1: sever: unknown key \(did you mean `server`\?\)"),
        ('origins = "x"', r"origins: unknown key"),
        ("server = 1", r"server: expected a table, got the number 1"),
        ('[plugins]\nenabled = "one"', r"plugins\.enabled: expected a list, got the text 'one'"),
        ("[plugins]\nenabled = [1]", r"plugins\.enabled\.0: expected a text, got the number 1"),
        ("[plugins]\none = 1", r"plugins\.one: unknown key"),
        ('[answers]\ndistinct_voters = "nobody"', r"answers\.distinct_voters: expected one of 'device-and-address'"),
        ("[[automatic.rules]]\n", r"robotoff\.toml:1: automatic\.rules\.0\.allow: is required"),
        ("[accounts.demo]\n", r"accounts\.demo: give exactly one of `password` and"),
        ('[accounts.demo]\npassword_hash = "x"', r"accounts\.demo\.password_hash: must begin with scrypt\$"),
        ('database = "mysql://u:p@h/d"', r"robotoff\.toml:1: database: must begin with sqlite:// or postgresql://"),
        ('redis = "http://h"', r"robotoff\.toml:1: redis: must begin with redis://"),
        ("[server\n", r"robotoff\.toml: not valid TOML: .* Correct that line"),
    ],
)
def test_mistakes_name_file_key_and_next_step(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "robotoff.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(file, environ={})
    assert "orrect" in str(caught.value)


def test_a_mistaken_variable_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"ROBOTOFF_SERVER__PORT: server\.port: expected a whole number, got the text 'x'"
    ):
        load_config(environ={"ROBOTOFF_SERVER__PORT": "x"})
    with pytest.raises(ConfigError, match="ROBOTOFF_PORT: port: unknown key"):
        load_config(environ={"ROBOTOFF_PORT": "5501"})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"ROBOTOFF_SERVER__PORT": "x", "ROBOTOFF_STRICT": "2"})
    assert len(str(caught.value).splitlines()) == 2


def test_secrets_are_never_shown(written: Path) -> None:
    variables = {"ROBOTOFF_DATABASE": "postgresql://me:geheim@db/robotoff", "ROBOTOFF_REDIS": "redis://:geheim@cache"}
    config = load_config(written, environ=variables)
    shown = json.dumps([(row.key, row.value) for row in config.shown()])
    for text in (repr(config), str(config), shown):
        for secret in ("hunter2", "s3cr3t", "geheim"):
            assert secret not in text
    assert config.accounts["demo"].password == "hunter2"
    assert config.plugins.settings["two"]["api_token"] == "s3cr3t"
    with pytest.raises(ConfigError) as caught:
        load_config(written, environ={"ROBOTOFF_ACCOUNTS__DEMO": "geheim"})
    assert "geheim" not in str(caught.value)


def test_secrets_are_recognised() -> None:
    assert is_secret(("plugins", "one", "api_token"))
    assert is_secret(("accounts", "demo", "anything"))
    assert not is_secret(("server", "port"))
    assert mask_url("http://me:pw@host/x?password=pw&y=1") == f"http://me:{MASK}@host/x?password={MASK}&y=1"
    assert mask_url("sqlite:///var/robotoff.db") == "sqlite:///var/robotoff.db"


def test_show_tells_value_and_origin(written: Path) -> None:
    done = CliRunner().invoke(cli, ["--config", str(written), "--set", "server.port=5600", "config", "show", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    assert rows["server.port"] == {"value": 5600, "origin": "option server.port"}
    assert rows["accounts.demo.password"]["value"] == MASK
    assert rows["plugins.two.api_token"]["value"] == MASK
    assert rows["plugins.two.limit"] == {"value": 3, "origin": f"{written}:20"}
    plain = CliRunner().invoke(cli, ["--config", str(written), "config", "show"])
    assert '"127.0.0.1"' in plain.output
    assert "hunter2" not in plain.output


def test_a_wrong_configuration_ends_with_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "robotoff.toml"
    file.write_text("strikt = true", encoding="utf-8")
    done = CliRunner().invoke(cli, ["--config", str(file), "config", "show"])
    assert done.exit_code == 2
    assert "strikt: unknown key" in done.output
    done = CliRunner().invoke(cli, ["--set", "novalue", "config", "show"])
    assert done.exit_code == 2


def test_check_tells_about_plugins_that_the_file_names_wrongly(tmp_path: Path) -> None:
    file = tmp_path / "robotoff.toml"
    file.write_text('[plugins]\nenabled = ["nobody"]\n[plugins.nowhere]\nx = 1\n', encoding="utf-8")
    done = CliRunner().invoke(cli, ["--config", str(file), "config", "check", "--json"])
    assert done.exit_code == 1
    problems = {one["plugin"]: one for one in json.loads(done.stdout)["problems"]}
    assert set(problems) == {"nobody", "nowhere"}
    assert problems["nobody"]["where"] == f"{file}:2 (plugins.enabled)"
    assert problems["nowhere"]["state"] == "missing"
    assert "Install" in problems["nowhere"]["next_step"]


@frozen
class _Inner:
    ratio: float = 1.0


@frozen
class _Outer:
    name: str
    flag: bool = False
    inner: _Inner = field(factory=_Inner)
    table: dict[str, int] = field(factory=dict)
    maybe: int | None = None
    anything: Any = None


def test_structure_is_strict_and_complete() -> None:
    raw = {"name": "n", "flag": Text("true"), "inner": {"ratio": 2}, "table": {"a": Text("1")}, "maybe": Text("4")}
    assert structure(raw, _Outer) == _Outer("n", True, _Inner(2.0), {"a": 1}, 4)
    assert structure({"name": "n", "anything": Text("[1, 2]")}, _Outer).anything == [1, 2]
    with pytest.raises(StructureError) as caught:
        structure({"flag": "yes", "inner": {"ratio": True}, "table": {"a": "1"}, "other": 1}, _Outer)
    assert {".".join(problem.path) for problem in caught.value.problems} == {
        "name",
        "flag",
        "inner.ratio",
        "table.a",
        "other",
    }


def test_the_result_is_frozen() -> None:
    with pytest.raises(AttributeError):
        load_config(environ={}).strict = True  # type: ignore[misc]
    assert isinstance(load_config(environ={}), Config)
