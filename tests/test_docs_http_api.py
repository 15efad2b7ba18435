"""The HTTP API page has one section for each route that the server has, and no other."""

import re

from packages import ROOT
from robotoff_core.model.answers import Result
from robotoff_server.app import API, core_endpoints

PAGE = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")


def test_each_route_has_a_section() -> None:
    served = {f"{each.method} {each.path.removeprefix(API)}" for each in core_endpoints() if each.path.startswith(API)}
    assert set(re.findall(r"^### `([A-Z]+ \S+)`", PAGE, re.MULTILINE)) == served


def test_each_result_of_an_answer_is_listed() -> None:
    listed = {(int(code), status) for code, status in re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)}
    assert listed == {(int(result), result.status) for result in Result}
