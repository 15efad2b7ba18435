"""``robotoff plugins ...``, plugin commands, the breaker's state on the command line, and what starting costs."""

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from robotoff_core.cli.main import COMMANDS, cli
from robotoff_core.config import load_config
from robotoff_core.plugins.breaker import Breaker, read_trips, reset_trips
from robotoff_core.plugins.scaffold import ScaffoldError, create, rendered

GOOD = """
    from robotoff_core.api import *

    class Words(Predictor):
        name, version, produces = "good.words", "1", ("good_thing",)

        def predict(self, document, run):
            return []

    def run(arguments):
        print("arguments:", *arguments)
        return len(arguments)

    def broken(arguments):
        raise RuntimeError("no luck")

    def leave(arguments):
        import sys
        sys.exit("gone")

    class Plugin:
        manifest = Manifest("good", "Good things", owns=[TypeSpec("good_thing")])

        @hookimpl
        def robotoff_predictors(self): return [Words()]

        @hookimpl
        def robotoff_commands(self):
            return [Command("count", "Count.", run), Command("broken", "", broken), Command("leave", "", leave)]

    plugin = Plugin()
"""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_plugins: Callable[..., str]) -> list[str]:
    """Two installed plugins, one of them broken; the options that enable these two only."""
    installed_plugins("good", GOOD, version="1.5")
    installed_plugins("bad", "raise RuntimeError('cannot start')")
    monkeypatch.chdir(tmp_path)
    return ["--set", "plugins.enabled=good,bad", "--set", f"var={tmp_path / 'var'}"]


def _state(place: list[str], slug: str = "good") -> Any:
    done = _run(*place, "plugins", "list", "--json")
    assert done.exit_code == 0, done.output
    return next(record for record in json.loads(done.stdout) if record["slug"] == slug)


def test_list_shows_every_plugin_with_reason_and_next_step(place: list[str]) -> None:
    done = _run(*place, "plugins", "list")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].split() == ["plugin", "version", "state", "quality", "decided", "by", "title"]
    assert any(line.startswith("good") and "1.5" in line and "enabled" in line for line in lines)
    assert "bad is failed: importing it raised RuntimeError: cannot start." in lines
    assert any(line.startswith("  Next: Repair or upgrade robotoff-plugin-bad") for line in lines)
    assert not (Path.cwd() / "var").exists()  # looking creates nothing


def test_strict_makes_the_exit_code_1(place: list[str]) -> None:
    done = _run(*place, "--strict", "plugins", "list")
    assert done.exit_code == 1
    assert "bad is failed" in done.output
    assert _run("--strict", *place, "--set", "plugins.enabled=good", "plugins", "list").exit_code == 0


def test_show_tells_all_and_the_traceback(place: list[str]) -> None:
    done = _run(*place, "plugins", "show", "bad")
    assert done.exit_code == 0
    assert "state:      failed" in done.output
    assert 'raise RuntimeError("cannot start")' in done.output or "raise RuntimeError('cannot start')" in done.output
    assert json.loads(_run(*place, "plugins", "show", "good", "--json").stdout)["types"] == ["good_thing"]
    absent = _run(*place, "plugins", "show", "nobody")
    assert absent.exit_code == 1
    assert "known:" in absent.output
    assert "good" in absent.output


def test_check_exits_1_when_something_is_wrong(place: list[str]) -> None:
    assert _run(*place, "plugins", "check").exit_code == 1
    done = _run(*place, "plugins", "check", "good")
    assert (done.exit_code, done.output) == (0, "1 plugin checked: all is well.\n")
    assert json.loads(_run(*place, "plugins", "check", "--json").stdout)[0]["slug"] == "bad"


def test_a_plugins_command_gets_the_rest_of_the_line(place: list[str]) -> None:
    done = _run(*place, "good", "count", "--flag", "x")
    assert (done.exit_code, done.output) == (2, "arguments: --flag x\n")
    assert "Count." in _run(*place, "good", "--help").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("good", "broken"), "plugin good: command broken raised RuntimeError: no luck"),
        (("good", "leave"), "plugin good: command leave raised SystemExit: gone"),
        (("bad", "anything"), "plugin bad is failed: importing it raised RuntimeError: cannot start"),
    ],
)
def test_a_plugins_command_that_fails(place: list[str], arguments: tuple[str, ...], message: str) -> None:
    done = _run(*place, *arguments)
    assert done.exit_code == 1
    assert message in done.output


def test_an_unknown_command_is_a_usage_error(place: list[str]) -> None:
    done = _run(*place, "nonsense")
    assert done.exit_code == 2
    assert "No such command 'nonsense'" in done.output


def test_help_names_every_command_without_importing_them() -> None:
    probe = (
        "import sys; from click.testing import CliRunner; from robotoff_core.cli.main import cli;"
        "print(CliRunner().invoke(cli, ['--help']).output);"
        "print(sorted(m for m in sys.modules if m.startswith('robotoff_core.cli.')))"
    )
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    others = {entry.name for entry in entry_points(group="robotoff.commands")}  # of the packages installed beside core
    for name in (*COMMANDS, *others):
        assert f"\n  {name} " in output
    assert output.splitlines()[-1] == "['robotoff_core.cli.common', 'robotoff_core.cli.main']"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists(name: str) -> None:
    done = _run(name, "--help")
    assert done.exit_code == 0, done.output


# -- the breaker --


@pytest.fixture
def database(place: list[str], tmp_path: Path) -> Any:
    from robotoff_core.store import Store
    from robotoff_core.store.migrations import upgrade

    url = f"sqlite:///{tmp_path / 'var' / 'robotoff.db'}"
    upgrade(url)
    store = Store(url)
    yield store
    store.close()


class _Failure:
    def __init__(self, component: str, kind: str = "raised", reason: str = "ValueError: no") -> None:
        self.component, self.plugin, self.kind, self.reason = component, component.partition(".")[0], kind, reason


def test_failures_in_a_row_trip_a_component(database: Any) -> None:
    breaker = Breaker(database, after=3)
    for _ in range(2):
        assert breaker.observe(["good.words"], [_Failure("good.words")]) == []
    assert breaker.observe(["good.words"], []) == []  # a success starts the count anew
    for _ in range(2):
        assert breaker.observe(["good.words"], [_Failure("good.words")]) == []
    (trip,) = breaker.observe(["good.words"], [_Failure("good.words")])
    assert trip.reason == "failed 3 times in a row: ValueError: no"
    assert breaker.tripped() == {"good.words"}


@pytest.mark.parametrize("kind", ["deadline", "crashed"])
def test_a_hang_or_crash_trips_at_once(database: Any, kind: str) -> None:
    breaker = Breaker(database, after=3)
    breaker.observe(["good.words"], [_Failure("good.words", kind, "past the deadline of 10 s")])
    assert breaker.tripped() == {"good.words"}


def test_all_processes_agree_and_reset_puts_it_back(database: Any, place: list[str], tmp_path: Path) -> None:
    now = [0.0]
    one, other = Breaker(database, clock=lambda: now[0]), Breaker(database, clock=lambda: now[0])
    assert other.tripped() == frozenset()
    one.trip("good.words", "good", "hung")
    now[0] += 10
    assert other.tripped() == {"good.words"}
    record = _state(place)
    assert (record["state"], record["summary"]) == ("tripped", "left out after failures: good.words")
    assert record["components"][-1]["reason"] == "hung"
    assert "tripped" in _run(*place, "plugins", "list").output
    done = _run(*place, "plugins", "reset", "good.words")
    assert (done.exit_code, done.output) == (0, "good.words works again (it was tripped: hung)\n")
    now[0] += 10
    assert one.tripped() == other.tripped() == frozenset()
    assert _state(place)["state"] == "enabled"
    assert _run(*place, "plugins", "reset", "good.words").exit_code == 1


def test_strict_starts_no_process_with_a_tripped_component(database: Any, tmp_path: Path, place: list[str]) -> None:
    from robotoff_core.plugins.registry import PluginsError
    from robotoff_core.runtime import Runtime

    Breaker(database).trip("good.words", "good", "hung")
    options = {"var": tmp_path / "var", "plugins.enabled": ["good"]}
    Runtime.open(load_config(None, options, {})).close()
    with pytest.raises(PluginsError, match=r"plugin good: tripped: .*hung.*robotoff plugins reset good\.words"):
        Runtime.open(load_config(None, {**options, "strict": True}, {}))
    assert _run("--strict", *place, "--set", "plugins.enabled=good", "plugins", "list").exit_code == 1


def test_strict_makes_a_trip_fatal(database: Any, tmp_path: Path, place: list[str]) -> None:
    from robotoff_core.plugins.registry import PluginsError
    from robotoff_core.runtime import Runtime

    options = {"var": tmp_path / "var", "plugins.enabled": ["good"], "strict": True, "jobs.trip_after": 2}
    runtime = Runtime.open(load_config(None, options, {}))
    for _ in range(2):
        runtime.observe(["good.words"], [_Failure("good.words")])  # type: ignore[list-item]
    with pytest.raises(PluginsError, match=r"plugin good: tripped: .* failed 2 times in a row"):
        runtime.close()


def test_reset_of_a_plugin_resets_its_components(database: Any, tmp_path: Path) -> None:
    breaker = Breaker(database)
    breaker.trip("good.words", "good", "x")
    breaker.trip("good.importer:good_thing", "good", "y")
    breaker.trip("other.words", "other", "z")
    config = load_config(None, {"var": tmp_path / "var"}, {})
    assert {trip.component for trip in reset_trips(config, "good")} == {"good.words", "good.importer:good_thing"}
    assert [trip.component for trip in read_trips(config)] == ["other.words"]


def test_the_sqlite_short_cut_reads_what_the_store_reads(database: Any, tmp_path: Path) -> None:
    Breaker(database).trip("good.words", "good", "hung")
    with database.read() as tx:
        (row,) = tx.components.all()
    (trip,) = read_trips(load_config(None, {"var": tmp_path / "var"}, {}))
    assert (trip.component, trip.plugin, trip.reason) == (row.component, row.plugin, row.reason)


@pytest.mark.postgresql
def test_trips_on_postgresql(postgresql_url: str) -> None:
    from robotoff_core.store import Store

    store = Store(postgresql_url)
    Breaker(store).trip("good.words", "good", "hung")
    config = load_config(None, {"database": postgresql_url}, {})
    assert [trip.component for trip in read_trips(config)] == ["good.words"]
    assert len(reset_trips(config, "good.words")) == 1
    assert read_trips(config) == ()
    store.close()


# -- a new plugin --


def test_new_makes_a_small_plugin_that_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run("plugins", "new", "best_word", "--into", str(tmp_path), "--title", "Best words")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "robotoff_plugin_best_word"
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 120
    assert not any("sample" in f"{file}{file.read_text(encoding='utf-8')}".lower() for file in files)
    source = (folder / "src" / "robotoff_plugin_best_word" / "__init__.py").read_text(encoding="utf-8")
    assert "class BestWordRule" in source
    assert '"Best words"' in source
    site = tmp_path / "site"
    _install(folder, site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    command = [sys.executable, "-m", "robotoff_core.cli.main"]
    listed = subprocess.run([*command, "plugins", "list"], env=environment, capture_output=True, text=True, check=True)
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("best_word")]
    assert line.split()[:3] == ["best_word", "0.1.0", "enabled"]


def _install(folder: Path, site: Path) -> None:
    """What ``pip install`` leaves behind: the package and its metadata."""
    import shutil
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(folder / "src", site)
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    header = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(header, encoding="utf-8")
    points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"]["robotoff.plugins"].items())
    (metadata / "entry_points.txt").write_text(f"[robotoff.plugins]\n{points}\n", encoding="utf-8")


def test_the_template_is_the_one_in_the_workspace() -> None:
    workspace = Path(__file__).resolve().parents[2] / "plugins" / "_template"
    if not workspace.is_dir():
        pytest.skip("no workspace around: core's tests run from a wheel")
    for path, text in rendered("sample", "Sample title"):
        assert (workspace / path).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("slug", ["Upper", "1st", "with-dash", "a b", "core", "enabled", ""])
def test_a_slug_that_cannot_be_one_is_refused(slug: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match=r"cannot be a slug|is a word of the configuration"):
        create(slug, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, place: list[str]) -> None:
    create("mine", tmp_path)
    with pytest.raises(ScaffoldError, match="exists already"):
        create("mine", tmp_path)
    with pytest.raises(ScaffoldError, match="robotoff-plugin-good already provides a plugin called good"):
        create("good", tmp_path)
    with pytest.raises(ScaffoldError, match="title"):
        create("other", tmp_path, 'a "quoted" title')


# -- what starting costs --


def _seconds(command: list[str], cwd: Path) -> float:
    """Processor seconds of one run: what the machine's other work does not change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_starting_is_cheap(tmp_path: Path) -> None:
    """The budgets of the plugin API and of the listing, in multiples of a bare interpreter's start (medians of 7)."""
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "api": [sys.executable, "-c", "import robotoff_core.api"],
        "listing": [sys.executable, "-m", "robotoff_core.cli.main", "plugins", "list"],
    }
    samples = [{name: _seconds(command, tmp_path) for name, command in commands.items()} for _ in range(7)]
    bare, api, listing = (statistics.median(sample[name] for sample in samples) for name in commands)
    assert api <= 8 * bare, f"import robotoff_core.api costs {api / bare:.1f} x a bare start"
    assert listing <= 45 * bare, f"robotoff plugins list costs {listing / bare:.1f} x a bare start"


def test_the_listing_imports_no_heavy_module(tmp_path: Path) -> None:
    probe = (
        "import sys; sys.argv = ['robotoff', 'plugins', 'list'];"
        "from robotoff_core.cli.main import cli; cli(standalone_mode=False);"
        "print([m for m in ('sqlalchemy', 'alembic', 'redis', 'aiohttp', 'msgspec', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
