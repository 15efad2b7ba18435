"""Plugins that cannot be loaded: the others work, the trouble is told, and ``strict`` stops."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_plugins import LOADING, REAL, environment, install_all, listing, robotoff, write_config


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All faulty plugins installed beside the real ones, over a migrated database."""
    folder = tmp_path_factory.mktemp("faults")
    install_all(folder / "installed")
    write_config(folder / "robotoff.toml")
    environ = {**environment(folder / "installed", folder / "robotoff.toml"), "ROBOTOFF_VAR": str(folder / "var")}
    migrated = robotoff({**environ, "ROBOTOFF_PLUGINS__ENABLED": ",".join(REAL)}, "db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    return environ


@pytest.fixture(scope="module")
def records(environ: dict[str, str]) -> dict[str, Any]:
    """The listing, taken once."""
    return listing(environ)


@pytest.mark.parametrize("slug", LOADING)
def test_the_fault_is_told_with_reason_and_next_step(slug: str, records: dict[str, Any]) -> None:
    _, state, reason = LOADING[slug]
    record = records[slug]
    assert record["state"] == state
    assert reason in record["reason"]
    assert record["next_step"]
    assert record["components"] == []


@pytest.mark.parametrize("slug", [*REAL, "control"])
def test_the_others_are_enabled(slug: str, records: dict[str, Any]) -> None:
    assert records[slug]["state"] == "enabled"
    assert records[slug]["components"]


def test_the_stolen_type_stays_with_its_owner(records: dict[str, Any]) -> None:
    assert "label" in records["labels"]["types"]
    assert "labels" in records["aaa_thief"]["next_step"]
    assert "aaa_thief" in records["aaa_thief"]["next_step"]


def test_the_others_predict(environ: dict[str, str]) -> None:
    enabled = ",".join([*REAL, *LOADING])
    done = robotoff(
        environ, "--set", f"plugins.enabled={enabled}", "predict", "text", stdin='{"text": "Poids net: 500 g"}\n'
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    predicted = {one["type"]: one["value"] for one in json.loads(line)["predictions"]}
    predicted.pop("has_pending_migrations_thing")  # predicting opens no database, so nothing is pending there
    assert predicted == {"product_weight": "500 g"}
    for slug in LOADING:
        assert f"plugin {slug}: " in done.stderr or slug == "has_pending_migrations"


@pytest.mark.parametrize(
    ("slug", "command"),
    [
        *((slug, "plugins list") for slug in LOADING),
        ("exits_at_import", "worker"),
        ("has_pending_migrations", "worker"),
    ],
)
def test_strict_exits_non_zero(slug: str, command: str, environ: dict[str, str]) -> None:
    enabled = ",".join([*REAL, slug])
    done = robotoff(environ, "--strict", "--set", f"plugins.enabled={enabled}", *command.split())
    assert done.returncode == 1
    assert slug in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_strict_lets_the_sound_ones_run(environ: dict[str, str]) -> None:
    done = robotoff(environ, "--strict", "--set", f"plugins.enabled={','.join(REAL)}", "plugins", "list")
    assert done.returncode == 0, done.stdout


def test_check_exits_non_zero_and_names_all(environ: dict[str, str]) -> None:
    done = robotoff(environ, "plugins", "check")
    assert done.returncode == 1
    for slug in LOADING:
        assert f"{slug} is {LOADING[slug][1]}: " in done.stdout


def test_the_pending_migration_can_be_run(environ: dict[str, str], tmp_path: Path) -> None:
    own = {**environ, "ROBOTOFF_VAR": str(tmp_path), "ROBOTOFF_PLUGINS__ENABLED": "has_pending_migrations"}
    assert "pending" in listing(own)["has_pending_migrations"]["reason"]
    assert robotoff(own, "db", "upgrade").returncode == 0
    assert listing(own)["has_pending_migrations"]["state"] == "enabled"


def test_a_disabled_fault_is_not_even_imported(environ: dict[str, str]) -> None:
    record = listing(environ, "--set", "plugins.disabled=raises_at_import")["raises_at_import"]
    assert (record["state"], record["reason"]) == ("disabled", "switched off")


@pytest.fixture(autouse=True, scope="module")
def _untouched(environ: dict[str, str]) -> Iterator[None]:
    """What was looked at is as it was."""
    yield
    assert listing(environ)["has_pending_migrations"]["state"] == "failed"
