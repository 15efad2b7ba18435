"""Sessions of this workspace: ``nox -l`` lists them, ``nox -s tests -- labels`` runs the tests of one package.

Sessions that only look at the sources use ``.venv`` (prepared when needed, as `make` does it). Sessions that prove what
a stranger gets (``tests-<package>``, ``template``, ``wheels``) build wheels and install them into environments of their
own, with the versions of ``constraints.txt``.
"""

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "scripts"))
from packages import Package, group, packages  # noqa: E402

nox.needs_version = ">=2024.4"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.error_on_external_run = False
nox.options.default_venv_backend = "venv"

CONSTRAINTS = str(ROOT / "constraints.txt")
PACKAGES = {package.name: package for package in packages()}
PYTHON = str(ROOT / ".venv" / "bin" / "python")


def prepared(session: nox.Session) -> None:
    """Make sure that .venv has everything; takes a moment when it has."""
    session.run(sys.executable, "scripts/prepare.py", "dev", external=True, log=False)


def tool(session: nox.Session, name: str, *arguments: str) -> None:
    session.run(str(Path(PYTHON).with_name(name)), *arguments)


def chosen(session: nox.Session) -> tuple[list[Package], list[str]]:
    """Splits ``-- labels -x``: the packages named (none: all), and the rest, which goes to the tool."""
    names = [argument for argument in session.posargs if argument in PACKAGES]
    rest = [argument for argument in session.posargs if argument not in PACKAGES]
    return [PACKAGES[name] for name in names], rest


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """All tests, or those of the packages named: nox -s tests -- labels -x."""
    prepared(session)
    named, rest = chosen(session)
    session.run(PYTHON, "-m", "pytest", *(str(package.folder / "tests") for package in named), *rest)


def tests_from_wheels(session: nox.Session, package: Package) -> None:
    session.chdir(ROOT)
    session.install("--constraint", CONSTRAINTS, *group("test"), *built(session, needed(package)))
    # From a folder without sources, so that only what was installed can be imported.
    folder = session.create_tmp()
    session.chdir(folder)
    options = ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    session.run("python", "-m", "pytest", *options, str(package.folder / "tests"), *session.posargs)


for _package in PACKAGES.values():

    def _session(session: nox.Session, package: Package = _package) -> None:
        tests_from_wheels(session, package)

    _session.__doc__ = f"The tests of {_package.distribution}, from built wheels in a clean environment."
    nox.session(name=f"tests-{_package.name}", venv_backend="venv")(_session)


def needed(package: Package) -> list[Package]:
    """*package* and the packages of this workspace that it requires, in turn."""
    found, waiting = [package], [package]
    while waiting:
        for line in waiting.pop().project.get("dependencies", ()):
            for other in PACKAGES.values():
                if line.startswith(other.distribution + ">") and other not in found:
                    found.append(other)
                    waiting.append(other)
    return found


def built(session: nox.Session, which: list[Package]) -> list[str]:
    """Wheels of *which*, freshly built; their paths."""
    prepared(session)
    folder = Path(session.create_tmp()).resolve() / "wheels"
    for old in folder.glob("*.whl"):
        old.unlink()
    for package in which:
        command = [PYTHON, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(package.folder)]
        session.run(*command, silent=True, external=True)
    return sorted(map(str, folder.glob("*.whl")))


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    prepared(session)
    tool(session, "ruff", "check", *(session.posargs or ["."]))
    tool(session, "ruff", "format", "--check", *(session.posargs or ["."]))


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy, strict, over every package's sources and the scripts."""
    prepared(session)
    named, rest = chosen(session)
    sources = [str(package.source) for package in named or PACKAGES.values()]
    tool(session, "mypy", *rest, *sources, *([] if named else ["scripts", "noxfile.py"]))


@nox.session(venv_backend="none")
def imports(session: nox.Session) -> None:
    """Who may import whom, and that each package declares what it imports."""
    prepared(session)
    session.run(PYTHON, "-m", "pytest", "-q", "tests/test_workspace_imports.py", *session.posargs)


@nox.session(venv_backend="none")
def conformance(session: nox.Session) -> None:
    """The conformance kit on every plugin here, or on those named."""
    prepared(session)
    named, rest = chosen(session)
    for package in named or [each for each in PACKAGES.values() if each.is_plugin]:
        session.run(PYTHON, "-m", "pytest", "-q", "-k", "conformance", str(package.folder / "tests"), *rest)


@nox.session(venv_backend="venv")
def template(session: nox.Session) -> None:
    """`robotoff plugins new` makes a package that installs and passes its tests, from wheels."""
    session.install("--constraint", CONSTRAINTS, *group("test"), "hatchling", *built(session, [PACKAGES["core"]]))
    folder = Path(session.create_tmp()).resolve() / "new"
    session.run("python", "-c", f"import shutil, os; shutil.rmtree({str(folder)!r}, True); os.mkdir({str(folder)!r})")
    session.run("robotoff", "plugins", "new", "shelf_life", "--into", str(folder))
    (made,) = folder.iterdir()
    session.install("--no-deps", "--no-build-isolation", str(made))
    session.run("robotoff", "plugins", "list")
    session.chdir(folder)
    session.run("python", "-m", "pytest", "-q", str(made / "tests"))


@nox.session(venv_backend="venv")
def wheels(session: nox.Session) -> None:
    """Build all wheels into dist/, check what is inside, and run them from a clean environment."""
    prepared(session)
    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    for old in dist.glob("robotoff_*"):
        old.unlink()
    for package in PACKAGES.values():
        command = [PYTHON, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(package.folder)]
        session.run(*command, silent=True, external=True)
    session.run(PYTHON, "scripts/check_wheels.py", str(dist), external=True)
    session.install("--constraint", CONSTRAINTS, *map(str, sorted(dist.glob("*.whl"))))
    session.run("python", "-m", "pip", "check")
    session.chdir(session.create_tmp())
    session.run("robotoff", "plugins", "list")
    session.run("robotoff", "config", "check")
    # With the packaged data, and without anything that only tests need.
    demo = "from robotoff_core.demo import iter_images as i; open('label.json', 'wb').write(next(iter(i()))[-1])"
    session.run("python", "-c", demo)
    session.run("robotoff", "--strict", "predict", "ocr", "label.json")


@nox.session(venv_backend="none")
def migrations(session: nox.Session) -> None:
    """Every migration on SQLite and on PostgreSQL, and that they make what the code expects."""
    prepared(session)
    session.run(PYTHON, "-m", "pytest", "-q", "-k", "migration", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Ratios against a baseline of the same run: nox -s bench -- start predict import idle."""
    prepared(session)
    session.run(PYTHON, "tests/bench/run.py", *session.posargs)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Generated pages are fresh, links lead somewhere, and every snippet runs."""
    prepared(session)
    session.run(PYTHON, "scripts/generate_docs.py", "--check")
    session.run(PYTHON, "-m", "pytest", "-q", *sorted(map(str, (ROOT / "tests").glob("test_docs_*.py"))))
