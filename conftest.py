"""For every test run from this root: in CI, a skip that nobody expected fails the run.

Expected ones stand in ``tests/expected_skips.txt``, one regular expression a line, optionally followed by ``;`` and an
environment marker as in a requirement. ``--expect-skip REGEX`` adds one for this run.
"""

import os
import re
from pathlib import Path

import pytest

EXPECTED = Path(__file__).parent / "tests" / "expected_skips.txt"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--expect-skip",
        action="append",
        default=[],
        metavar="REGEX",
        help="a skip reason that is expected in this run, beyond tests/expected_skips.txt",
    )


def expected_reasons(text: str) -> list[str]:
    """The expressions of *text* that hold in this environment."""
    from packaging.markers import Marker

    reasons = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            reason, _, marker = line.partition(" ; ")
            if not marker or Marker(marker).evaluate():
                reasons.append(reason.strip())
    return reasons


def unexpected_skips(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return []
    expected = [*expected_reasons(EXPECTED.read_text(encoding="utf-8")), *config.getoption("--expect-skip")]
    found = []
    for report in reporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(re.search(each, reason) for each in expected):
            found.append(f"{report.nodeid}: {reason}")
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    worker = hasattr(session.config, "workerinput")  # of pytest-xdist; the controller sees all reports
    if os.environ.get("CI") and not worker and exitstatus == 0 and unexpected_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    terminalreporter.write_line(f"{len(skipped)} skipped; the reasons, if any, stand above")
    if os.environ.get("CI"):
        for line in unexpected_skips(config):
            terminalreporter.write_line(f"UNEXPECTED SKIP, which fails this run: {line}", red=True)
