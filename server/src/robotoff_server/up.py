"""``robotoff up``: everything in the foreground. One process for the API, the scheduler and the jobs, and one for the
plugins' components, on an embedded database that is made and migrated here.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from robotoff_core.cli.database import require_database
from robotoff_core.config import Config
from robotoff_core.engine.runner import Runner
from robotoff_core.jobs.process import connect, make_scheduler, make_worker
from robotoff_core.model.ids import ProductId, normalize_barcode, source_image
from robotoff_core.runtime import Runtime

from .lock import RunningLock
from .resources.questions import open_questions
from .serving import address, listen, on_signals, run

if TYPE_CHECKING:
    import socket

    from robotoff_core.jobs.scheduler import Scheduler
    from robotoff_core.jobs.worker import Worker

__all__ = ["bring_up", "load_demo"]

log = logging.getLogger("robotoff.up")
PATIENCE = 75.0
"""Seconds to wait for the demonstration's first questions before saying the address anyway."""
GRACE = 10.0
"""Seconds that running jobs have to end when everything stops; the ledger keeps the others."""


def bring_up(config: Config, *, demo: bool, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM. *say* tells the person in front of it where to look.

    Raises :class:`~.lock.RunningError`, :class:`~.serving.PortTakenError`,
    :class:`~robotoff_core.plugins.registry.PluginsError` (strict), and :class:`click.ClickException` for a database
    that this version cannot use.
    """
    with RunningLock(config.var):
        listener = listen(config.server.host, config.server.port)
        try:
            require_database(config, embedded="migrated")
            runtime = Runtime.open(config, isolated=True)
        except BaseException:
            listener.close()
            raise
        try:
            _work(runtime, listener, demo, say)
        finally:
            runtime.close()


def load_demo(runtime: Runtime) -> int:
    """Load the demonstration's products that are not there yet, and have their pictures read; returns how many.

    Products come last: what was interrupted before is done again by the next start.
    """
    from robotoff_core.demo import iter_images, iter_products
    from robotoff_core.engine.handlers import predict_image_job, predict_name_job
    from robotoff_core.products.recording import RecordingProducts

    if not isinstance(runtime.products, RecordingProducts):
        return 0
    documents = {ProductId(normalize_barcode(document["code"])): document for document in iter_products()}
    known = runtime.products.get(documents)
    fresh = {product: document for product, document in documents.items() if product not in known}
    if not fresh:
        return 0
    jobs = [predict_name_job(product) for product in fresh]
    for barcode, image_id, _width, _height, ocr in iter_images():
        product = ProductId(normalize_barcode(barcode))
        if product in fresh:
            path = source_image(product.barcode, image_id)
            runtime.documents.put(product, path, ocr)
            jobs.append(predict_image_job(product, path))
    with runtime.store.write() as tx:
        tx.jobs.enqueue_all(jobs, runtime.now())
    return runtime.products.load(fresh.values())


def _release_jobs(runtime: Runtime) -> None:
    """Take back the jobs that ran when the last process was killed, without waiting for their leases to end: we hold
    the folder's lock, so that nobody runs them."""
    if runtime.store.url.get_backend_name() != "sqlite":
        return
    now = runtime.now()
    with runtime.store.write() as tx:
        for job in tx.jobs.expired(now + timedelta(days=1)):
            tx.jobs.fail(job, "the process that ran it was killed", now)


def _work(runtime: Runtime, listener: "socket.socket", demo: bool, say: Callable[[str], None]) -> None:
    transport = connect(runtime)
    _release_jobs(runtime)
    worker: Worker | None = None
    scheduler: Scheduler | None = None
    try:
        if demo and (loaded := load_demo(runtime)):
            say(f"Reading the labels of {loaded} demonstration products ...")
        worker = make_worker(runtime, transport)
        scheduler = make_scheduler(runtime, transport)
        worker.start()
        scheduler.start()
        asyncio.run(_serve(runtime, listener, demo, say))
    finally:
        if worker is not None and not worker.stop(GRACE):
            say("Some jobs were still running; the next start takes them up again.")
        if scheduler is not None:
            scheduler.stop(GRACE)
        transport.close()


async def _serve(runtime: Runtime, listener: "socket.socket", demo: bool, say: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    on_signals(stop.set)
    where = address(listener)
    loop = asyncio.get_running_loop()
    telling: list[asyncio.Task[None]] = []

    async def tell() -> None:
        questions = await loop.run_in_executor(None, _settled, runtime, PATIENCE if demo else 0.0, stop.is_set)
        if stop.is_set():
            return
        for line in _greeting(runtime, where, questions):
            say(line)

    def ready() -> None:
        telling.append(loop.create_task(tell()))

    await run(runtime, listener, stop, ready)
    await asyncio.gather(*telling)
    say("Stopped.")


def _settled(runtime: Runtime, patience: float, stopped: Callable[[], bool]) -> int:
    """Wait until no job is due and none runs, at most *patience* seconds; returns the number of open questions."""
    from robotoff_core.store.records import JobState

    for runner in (runtime.runner, runtime.interactive_runner):
        if not isinstance(runner, Runner):
            runner.start()
    end = time.monotonic() + patience
    while time.monotonic() < end and not stopped():
        with runtime.store.read() as tx:
            if not tx.jobs.due(runtime.now(), 1) and not tx.jobs.in_state(JobState.RUNNING, limit=1):
                break
        time.sleep(0.1)
    with runtime.store.read() as tx:
        return tx.insights.count(open_questions(runtime), cap=1000)


def _greeting(runtime: Runtime, where: str, questions: int) -> list[str]:
    records = runtime.registry.records
    running = ", ".join(record.slug for record in records if record.state.runs) or "none"
    return [
        f"Robotoff runs at {where}",
        f"  data in {runtime.config.var}; plugins: {running}; open questions: {questions}",
        *(
            f"  plugin {record.slug} is {record.state}: {record.reason}. {record.next_step}".rstrip()
            for record in records
            if record.state.is_trouble
        ),
        "  Ctrl+C stops it.",
    ]
