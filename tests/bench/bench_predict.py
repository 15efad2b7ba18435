"""What predicting costs beside bare JSON decoding of the same bytes, with every installed plugin.

Measured are the demo's photos, an invented corpus, the same labels printed 8 times over, and 200,000 characters of
nothing. OCR files given as options (`run.py predict -- FILE...`) are measured too, each for itself and together.
"""

import random
import string
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

from robotoff_core.cli.bench import Figures, measure, summary
from robotoff_core.cli.predict import open_runner, read_document
from robotoff_core.config import load_config
from robotoff_core.demo import iter_images
from robotoff_core.testing.ocr import corpus
from robotoff_core.text import OcrDocument

DOCUMENTS = 24
REPEAT = 5
LONGER = 8
MAX_TOTAL = 1.3
"""Decoding, parsing and all rules, to bare decoding."""
MAX_GROWTH = 9.0
"""Rules on a parsed document of 8 times the text, to those on the document."""
NOISE = 200_000
MAX_NOISE_SECONDS = 0.5


def row(name: str, figures: list[Figures]) -> dict[str, Any]:
    report = summary(figures)
    milliseconds = " ".join(f"{report[key]:9.3f}" for key in ("decode_ms", "total_ms", "rules_ms"))
    ratios = f"{report['ratio_total']:7.2f} {report['ratio_rules']:7.2f}"
    print(f"{name:34} {report['documents']:5} {report['characters']:9} {milliseconds} {ratios}")
    return report


def noises() -> dict[str, str]:
    rng = random.Random(20)
    signs = string.ascii_letters + string.digits + "éèüßœ" + " " * 12 + ".,;:()%/-\n"
    return {
        "noise": "".join(rng.choices(signs, k=NOISE)),
        "one letter": "a" * NOISE,
        "digits": "".join(rng.choices(string.digits, k=NOISE)),
        "one digit": "7" * NOISE,
        "spaces": " " * NOISE,
    }


def main(paths: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        runner = open_runner(load_config(None, {"var": folder}, {}), ())
    documents = corpus(DOCUMENTS, seed=1)
    longer = corpus(DOCUMENTS, seed=1, factor=LONGER)
    print(
        f"{'medians':34} {'docs':>5} {'chars':>9} {'decode':>9} {'total':>9} {'rules':>9} {'total/d':>7} {'rules/d':>7}"
    )
    kept = True
    given = measure(runner, [(path, read_document(Path(path))) for path in paths], (), 3 * REPEAT)
    for path, figures in zip(paths, given, strict=True):
        row(Path(path).name, [figures])
    demo = measure(runner, [("demo", data) for *_, data in iter_images()], (), REPEAT)
    short = measure(runner, [("corpus", data) for data in documents], (), REPEAT)
    long = measure(runner, [("longer", data) for data in longer], (), REPEAT)
    row("demo", demo)  # no limit: a few words cost little to decode, and calling each component costs the same
    for name, group in (("given files", given), ("corpus", short), (f"corpus x {LONGER}", long)):
        if group:
            report = row(name, group)
            kept &= report["ratio_total"] <= MAX_TOTAL
            for component, milliseconds in report["components"].items():
                print(f"    {component:60} {milliseconds:9.3f}")
    growth = summary(long)["rules_ms"] / summary(short)["rules_ms"]
    kept &= growth <= MAX_GROWTH
    print(f"rules on {LONGER} times the text: {growth:.1f} x the time  (limit {MAX_GROWTH:g} x)")
    print(f"total: at most {MAX_TOTAL} x decoding\n")
    for name, text in noises().items():
        started = process_time()
        predicted = runner.predict(OcrDocument.from_text(text), today=datetime.now(UTC).date())
        seconds = process_time() - started
        kept &= seconds <= MAX_NOISE_SECONDS and not predicted.failures
        slowest = max(predicted.timings, key=lambda component: predicted.timings[component], default="nothing")
        print(f"{NOISE:,} characters, {name:12} {seconds:7.3f} s  (limit {MAX_NOISE_SECONDS} s; most for {slowest})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
