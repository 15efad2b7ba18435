"""`kill -9` of any worker at any moment: nothing accepted is lost, every effect happens once (promises 3 and 4).

Real worker processes with their component hosts, on SQLite and on PostgreSQL. Images are imported, predicted, turned
into insights and applied automatically while the workers are killed again and again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from robotoff_core.model.ids import ProductId, image_folder
from robotoff_core.products.recording import RecordingProducts
from robotoff_core.store import JobState, Store
from robotoff_core.testing.ocr import label_ocr

PRODUCTS = [f"952000000{number:03d}0" for number in range(1, 11)]
KILLS = 6
PATIENCE = 120.0


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ROBOTOFF_DATABASE": database_url,
        "ROBOTOFF_VAR": str(tmp_path / "var"),
        "ROBOTOFF_AUTOMATIC__WAIT_MINUTES": "0",
        "ROBOTOFF_JOBS__LEASE": "1.5",
    }


def robotoff(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "robotoff_core.cli.main", *arguments]
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE)


def load(environment: dict[str, str], folder: Path, kind: str, rows: list[dict[str, Any]]) -> None:
    file = folder / f"{kind}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = robotoff(environment, "import", "--kind", kind, str(file))
    _, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors.decode()


def kill(worker: "subprocess.Popen[bytes]") -> None:
    """The worker and its component host, at once."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate()


def waiting(store: Store) -> int:
    with store.read() as tx:
        return sum(n for (state, _), n in tx.jobs.counts().items() if state in (JobState.PENDING, JobState.RUNNING))


def open_automatic(store: Store) -> int:
    with store.read() as tx:
        found = tx.insights.of([ProductId(code) for code in PRODUCTS], history=False)
    return sum(insight.automatic for insights in found.values() for insight in insights)


def test_killed_workers_lose_nothing_and_double_nothing(
    environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    images = {"1": {"sizes": {"full": {"w": 600, "h": 800}}}}
    load(environment, tmp_path, "products", [{"code": code, "images": images} for code in PRODUCTS])
    load(
        environment,
        tmp_path,
        "images",
        [
            {
                "barcode": code,
                "image_id": "1",
                "width": 600,
                "height": 800,
                "ocr": label_ocr(["NET WEIGHT 250 g", "Product of Italy"], width=600, height=800, lang="en"),
            }
            for code in PRODUCTS
        ],
    )
    store = Store(database_url)
    assert waiting(store) == len(PRODUCTS)

    chance = random.Random(7)
    workers = [robotoff(environment, "worker"), robotoff(environment, "worker")]
    for number in range(KILLS):
        time.sleep(chance.uniform(0.3, 2.5))
        victim = workers.pop(number % 2)
        kill(victim)
        workers.append(robotoff(environment, "worker"))
    deadline = time.monotonic() + PATIENCE
    while waiting(store) or open_automatic(store):
        assert time.monotonic() < deadline, f"{waiting(store)} jobs and {open_automatic(store)} insights still wait"
        time.sleep(0.3)
    for worker in workers:
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
        assert worker.returncode == 0, errors.decode()

    with store.read() as tx:
        dead = tx.jobs.in_state(JobState.DEAD)
        insights = tx.insights.of([ProductId(code) for code in PRODUCTS], superseded=True)
        events = {i.id: Counter(e.kind for e in tx.events.of(i.id)) for found in insights.values() for i in found}
    store.close()
    assert not dead
    products = RecordingProducts(tmp_path / "var" / "products.db")
    for code in PRODUCTS:
        found = insights[ProductId(code)]
        assert {insight.source_image for insight in found} == {f"{image_folder(code)}1.jpg"}
        assert len({(insight.type, insight.claim) for insight in found}) == len(found), "an insight was made twice"
        applied = [insight for insight in found if insight.automatic]
        assert applied, "the sure ones are applied"
        assert {insight.status for insight in applied} == {"applied"}
        recorded = products.edits(ProductId(code))
        assert len(recorded) == len(applied) == len({edit.comment for edit in recorded}), "an edit took effect twice"
        for insight in found:
            assert events[insight.id]["created"] == 1
            assert events[insight.id]["answered"] == events[insight.id]["sent"] == int(insight.automatic)
