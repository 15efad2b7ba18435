"""Migrations: they make exactly the tables of the code; each history stands alone; nothing happens by itself."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import inspect, text

from robotoff_core.plugins.contributions import Migrations
from robotoff_core.store import Store
from robotoff_core.store.migrations import CORE, histories, pending_revisions, standing, upgrade
from robotoff_core.testing.services import PostgreSQL

REVISION = '''"""{doc}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
'''


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    yield server.create("empty")
    server.drop("empty")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Migrations:
    """A plugin's migrations package with one revision; `add` more with :func:`add`."""
    package = f"made_{re.sub(r'[^a-z]', '_', request.node.name)[:60]}"
    folder = tmp_path / "packages" / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "packages")
    add(folder, "a1", None)
    return Migrations(package, ("made_a1",))


def add(folder: Path, revision: str, down: str | None) -> None:
    source = REVISION.format(doc=revision, revision=revision, down=repr(down), table=f"made_{revision}")
    (folder / f"{revision}.py").write_text(source)


def folder_of(tmp_path: Path, plugin: Migrations) -> Path:
    return tmp_path / "packages" / plugin.package


def test_migrated_and_directly_made_tables_are_the_same(
    empty_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    upgrade(empty_url)
    migrated = Store(empty_url)
    if migrated.engine.dialect.name == "sqlite":
        direct = Store(f"sqlite:///{tmp_path}/direct.db")
    else:
        direct = Store(request.getfixturevalue("postgresql_server").create("direct"))
    direct.create_all()
    assert shape(migrated) == shape(direct)
    migrated.close()
    direct.close()


def shape(store: Store) -> dict[str, Any]:
    """Columns, keys and the words of every index."""
    found: dict[str, Any] = {}
    inspector = inspect(store.engine)
    for table in inspector.get_table_names():
        if table.endswith("alembic_version"):
            continue
        columns = [
            (one["name"], str(one["type"]), one["nullable"], one["default"]) for one in inspector.get_columns(table)
        ]
        keys = [inspector.get_pk_constraint(table), *inspector.get_foreign_keys(table)]
        found[table] = (columns, sorted(map(str, keys)))
    with store.read() as tx:
        if store.engine.dialect.name == "sqlite":
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        else:
            query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        indexes = {name: sql for name, sql in tx.connection.execute(text(query)) if "alembic" not in name}
    return {"tables": found, "indexes": indexes}


def test_upgrade_once(empty_url: str) -> None:
    core = histories()[0]
    before = standing(empty_url, core)
    assert (before.current, before.pending, before.ready) == (None, (before.head,), False)
    assert upgrade(empty_url) == {CORE: before.pending}
    assert upgrade(empty_url) == {CORE: ()}
    assert standing(empty_url, core).ready


def test_looking_creates_no_file(tmp_path: Path) -> None:
    standing(f"sqlite:///{tmp_path}/x.db", histories()[0])
    assert list(tmp_path.iterdir()) == []


def test_two_processes_upgrading_at_once_do_it_once(empty_url: str) -> None:
    code = "import sys; from robotoff_core.store.migrations import upgrade; print(upgrade(sys.argv[1])['core'])"
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert said == ["('0001',)", "()"]


def test_each_plugin_has_its_own_history(empty_url: str, plugin: Migrations, tmp_path: Path) -> None:
    assert pending_revisions(empty_url, "made", plugin) == ("a1",)
    assert upgrade(empty_url, {"made": plugin})["made"] == ("a1",)
    assert pending_revisions(empty_url, "made", plugin) == ()
    add(folder_of(tmp_path, plugin), "a2", "a1")
    assert pending_revisions(empty_url, "made", plugin) == ("a2",)
    assert upgrade(empty_url) == {CORE: ()}  # without the plugin nothing of it is touched
    assert upgrade(empty_url, {"made": plugin}) == {CORE: (), "made": ("a2",)}
    store = Store(empty_url)
    assert {"made_a1", "made_a2", "made_alembic_version", "core_alembic_version"} <= set(
        inspect(store.engine).get_table_names()
    )
    store.close()


def test_a_failing_revision_leaves_nothing_half_done(empty_url: str, plugin: Migrations, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, plugin)
    add(folder, "a2", "a1")
    path = folder / "a2.py"
    path.write_text(path.read_text() + '    raise RuntimeError("broken")\n')
    with pytest.raises(RuntimeError, match="broken"):
        upgrade(empty_url, {"made": plugin})
    assert pending_revisions(empty_url, "made", plugin) == ("a2",)
    store = Store(empty_url)
    names = set(inspect(store.engine).get_table_names())
    store.close()
    assert "made_a1" in names
    assert "made_a2" not in names


def test_a_database_ahead_of_us_is_refused(empty_url: str, plugin: Migrations, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, plugin)
    add(folder, "a2", "a1")
    upgrade(empty_url, {"made": plugin})
    (folder / "a2.py").unlink()
    with pytest.raises(ValueError, match="at revision a2, which the installed version does not know"):
        pending_revisions(empty_url, "made", plugin)
    with pytest.raises(ValueError, match="install the newer version again"):
        upgrade(empty_url, {"made": plugin})


def test_mistakes_of_plugins_are_named(tmp_path: Path, plugin: Migrations) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with pytest.raises(ValueError, match="package no_such_package, which does not exist"):
        pending_revisions(url, "made", Migrations("no_such_package"))
    with pytest.raises(ValueError, match="belongs to core's own migrations"):
        upgrade(url, {CORE: plugin})
    add(folder_of(tmp_path, plugin), "b1", None)
    with pytest.raises(ValueError, match="2 heads instead of one"):
        pending_revisions(url, "made", plugin)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robotoff_core.cli.main import cli

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["db", *arguments])
        return result.exit_code, result.output

    code, output = run("check")
    assert code == 1
    assert "run `robotoff db upgrade`" in output
    assert not (tmp_path / "var").exists()
    code, output = run("upgrade")
    assert code == 0
    assert "core: applied 0001" in output
    assert run("check") == (0, "up to date\n")
    code, output = run("status")
    assert code == 0
    assert "core: at 0001, up to date" in output
    code, output = run("status", "--json")
    assert '"current": "0001"' in output
    result = CliRunner().invoke(cli, ["--set", "database=postgresql://u:hidden@127.0.0.1:1/x", "db", "upgrade"])
    assert result.exit_code == 1
    assert "the database does not answer" in result.output
    assert "hidden" not in result.output


def test_the_worker_wants_migrated_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robotoff_core.cli.main import cli

    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["worker"])
    assert result.exit_code == 1
    assert "run `robotoff db upgrade` first" in result.output
