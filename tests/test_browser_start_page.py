"""The start page in real headless Chromium: answering by keyboard and mouse, as demo and as anonymous visitors, what
was written, and that nothing on a product can become code.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from robotoff_core.model.ids import ProductId  # noqa: E402
from robotoff_core.model.insights import Insight  # noqa: E402
from robotoff_core.products.recording import RecordingProducts  # noqa: E402
from robotoff_core.store import Store  # noqa: E402

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("CHROME_BIN") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no chromium: install Debian's package `chromium`, or name a browser in CHROME_BIN")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Demo:
    """A running ``robotoff up --demo``."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}/"
        self.products = RecordingProducts(folder / "var" / "products.db")
        self.database = f"sqlite:///{folder / 'var' / 'robotoff.db'}"
        command = [str(Path(sys.executable).with_name("robotoff")), "up", "--demo", "--port", str(port)]
        environ = {key: value for key, value in os.environ.items() if not key.startswith("ROBOTOFF_")}
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environ)

    def wait(self) -> None:
        end = time.monotonic() + 90
        while "Robotoff runs at" not in self._log.read_text("utf-8"):
            assert self.process.poll() is None, self._log.read_text("utf-8")
            assert time.monotonic() < end, self._log.read_text("utf-8")
            time.sleep(0.1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Demo]:  # skips before it starts
    started = Demo(tmp_path_factory.mktemp("demo"))
    try:
        started.wait()
        yield started
    finally:
        started.process.terminate()
        started.process.wait(40)


@pytest.fixture
def visit(chromium: Browser, demo: Demo) -> Iterator[Callable[..., Page]]:
    """Opens the page as a new visitor; at the end nothing may have gone wrong in its console."""
    troubles: list[str] = []
    contexts = []

    def opened(**options: Any) -> Page:
        context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type in ("error", "warning") else None)
        page.goto(demo.url)
        loaded(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def loaded(page: Page) -> None:
    """Wait until the page asks."""
    expect(page.locator("#answers")).to_be_visible(timeout=20000)
    expect(page.locator("#question")).to_have_attribute("aria-busy", "false")


def asked(page: Page) -> tuple[str, str, str]:
    """The product, the question and its value as they stand there."""
    return tuple(page.locator(f"#{name}").inner_text() for name in ("product-name", "ask-text", "ask-value"))  # type: ignore[return-value]


def to_go(page: Page) -> int:
    found = re.match(r"(\d+)", page.locator("#remaining").inner_text())
    assert found
    return int(found[1])


def answered(page: Page, act: Callable[[], object], says: str) -> None:
    """Do *act* and wait for the words that follow and for the next question."""
    loaded(page)
    before = to_go(page)
    act()
    expect(page.locator("#outcome")).to_contain_text(says)
    expect(page.locator("#remaining")).to_have_text(f"{before - 1} to go")


def test_it_shows_what_runs_here(visit: Callable[..., Page]) -> None:
    page = visit()
    expect(page.locator("#health")).to_have_text("Everything works.")
    assert page.locator("#plugins .plugin.enabled").count() == 2
    assert page.locator("#products .product").count() >= 12
    pictures = page.locator("#products img")
    pictures.first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#products img').naturalWidth > 0")
    expect(page.locator("#evidence img")).to_be_visible()
    assert page.locator("#evidence img").evaluate("image => image.naturalWidth") > 0
    expect(page.locator("#evidence .marker")).to_be_visible()


def test_yes_by_keyboard_is_written_to_the_product(visit: Callable[..., Page], demo: Demo) -> None:
    page = visit()
    product, _, _ = asked(page)
    edits = len(demo.products.edits())
    answered(page, lambda: page.keyboard.press("y"), "written to the product")
    newest = page.locator("#edits .edit").first
    expect(newest).to_contain_text(product.split(" · ")[0])
    expect(newest).to_contain_text("[robotoff]")
    expect(newest.locator("time")).to_have_text("just now")
    recorded = demo.products.edits()
    assert len(recorded) == edits + 1
    assert recorded[0].comment in newest.inner_text()


def test_all_keys(visit: Callable[..., Page], demo: Demo) -> None:
    page = visit()
    edits = len(demo.products.edits())
    answered(page, lambda: page.keyboard.press("n"), "Saved: no")
    answered(page, lambda: page.keyboard.press("ArrowLeft"), "Saved: no")
    answered(page, lambda: page.keyboard.press("s"), "Skipped")
    answered(page, lambda: page.keyboard.press("ArrowDown"), "Skipped")
    assert len(demo.products.edits()) == edits
    loaded(page)
    before = asked(page)
    page.locator("#language").focus()
    page.keyboard.press("y")  # the list's own key
    page.keyboard.press("Control+y")
    page.wait_for_timeout(300)
    assert asked(page) == before


def test_buttons_by_mouse_and_by_tab(visit: Callable[..., Page]) -> None:
    page = visit()
    answered(page, lambda: page.locator("#answers").get_by_role("button", name="No").click(), "Saved: no")
    answered(page, lambda: page.locator("#answers").get_by_role("button", name="Skip").click(), "Skipped")
    page.locator("#answers").get_by_role("button", name="Skip").focus()
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.dataset.answer")
    assert focused == "1"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    answered(page, lambda: page.keyboard.press("Enter"), "written to the product")


def test_the_first_tab_leads_to_the_question(visit: Callable[..., Page]) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Go to the question"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "question"


def test_three_anonymous_visitors_decide(visit: Callable[..., Page], demo: Demo) -> None:
    page = visit()
    page.get_by_text("anonymous", exact=True).click()
    expect(page.locator("#visitor")).to_contain_text("anonymous visitor")
    loaded(page)
    edits = len(demo.products.edits())
    question = asked(page)
    answered(page, lambda: page.keyboard.press("y"), "Your vote counts")
    for says in ("Your vote counts", "written to the product"):
        page.get_by_role("button", name="Be another visitor").click()
        expect(page.locator("#outcome")).to_contain_text("another visitor")
        expect(page.locator("#product-name")).to_have_text(question[0])
        expect(page.locator("#ask-value")).to_have_text(question[2])
        assert asked(page) == question  # another visitor is asked it again
        answered(page, lambda: page.keyboard.press("y"), says)
    assert len(demo.products.edits()) == edits + 1
    assert demo.products.edits()[0].comment.endswith("(applied after 3 anonymous votes)")
    page.reload()
    expect(page.locator("#voter-anonymous")).to_be_checked()  # the choice is kept


def test_one_product_only(visit: Callable[..., Page]) -> None:
    page = visit()
    name = asked(page)[0].split(" · ")[0]
    card = page.locator("#products .product").filter(has=page.get_by_text(name, exact=True))
    card.click()
    expect(page.locator("#filter")).to_contain_text(f"Only {name}")
    expect(card).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#product-name")).to_contain_text(name)
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#filter")).to_be_hidden()


def test_another_language(visit: Callable[..., Page]) -> None:
    page = visit()
    english = page.locator("#ask-text").inner_text()
    page.locator("#language").select_option("fr")
    expect(page.locator("#ask-text")).not_to_have_text(english)
    page.reload()
    expect(page.locator("#language")).to_have_value("fr")


def test_a_hostile_product_is_only_text(visit: Callable[..., Page], demo: Demo) -> None:
    barcode = "0000000000017"
    demo.products.load([{"code": barcode, "product_name": HOSTILE, "brands": HOSTILE, "lang": "en"}])
    suggestion = Insight(
        uuid4(),
        ProductId(barcode),
        "product_weight",
        HOSTILE,
        plugin="weight",
        value=HOSTILE,
        unique_scans_n=10**6,
    )
    store = Store(demo.database)
    with store.write() as tx:
        tx.insights.create([suggestion])
    store.close()
    page = visit()
    assert asked(page) == (f"{HOSTILE} · {HOSTILE}", asked(page)[1], HOSTILE)
    expect(page.locator("#products")).to_contain_text(HOSTILE)
    answered(page, lambda: page.keyboard.press("y"), "written to the product")
    expect(page.locator("#edits .edit").first).to_contain_text(HOSTILE)
    assert page.title() == "Robotoff"
    assert page.locator("main script, #products img[src=x], #edits img").count() == 0


@pytest.mark.parametrize("width", [320, 768, 1600])
def test_it_fits_every_screen(visit: Callable[..., Page], width: int) -> None:
    page = visit(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("No", "Skip", "Yes"):
        box = page.locator("#answers").get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["height"] >= 44  # as large as a thumb
        assert box["x"] + box["width"] <= width


def test_its_policy_forbids_foreign_code(visit: Callable[..., Page], demo: Demo) -> None:
    page = visit()
    reply = page.request.get(demo.url)
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert page.request.get(f"{demo.url}console/../app.py").status == 404
    assert page.request.get(f"{demo.url}console/endpoints.py").status == 404
