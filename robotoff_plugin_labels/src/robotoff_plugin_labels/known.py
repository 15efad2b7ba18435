"""Every label that this plugin can name, and a rebuild of the packaged facts about them from a label taxonomy.

``robotoff labels build-data labels.full.json.gz FOLDER`` writes ``certifiers.txt`` and ``labels.json`` anew; both are
facts out of the Open Food Facts label taxonomy (ODbL).
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robotoff_core.api import Taxonomy

from .certifiers import CERTIFIER_WORDS
from .data import languages, lines, table

__all__ = ["build_data", "emitted_labels"]

_SPELLINGS = "|".join(spelling for spellings in CERTIFIER_WORDS.values() for spelling in spellings)
_CODE = re.compile(rf"en:([a-z]{{2}})-({_SPELLINGS})-(\d{{2,3}}(?:-[a-z]{{2,3}})?)")
_LANGUAGES = ("en", "xx", "fr", "de", "es", "it", "nl", "pt", "pl")
_USAGE = "use: robotoff labels build-data TAXONOMY.json[.gz] FOLDER"


def emitted_labels() -> frozenset[str]:
    """The labels that the predictors may return, certifier codes apart."""
    tags: set[str] = {"fr:label-rouge", "en:eu-agriculture", "en:non-eu-agriculture", "en:eu-non-eu-agriculture"}
    for language in languages():
        tags.update(language.phrases)
        tags.update(language.acronyms)
    tags.update(tag for meaning in table("absence.toml").values() for tag in meaning.values())
    tags.update(origin["tag"] for origin in table("origins.toml").values())
    tags.update(table("logos.toml")["logos"].values())
    return frozenset(tags)


def build_data(arguments: Sequence[str]) -> int:
    """The command: 0 when both files are written, 2 for wrong arguments."""
    if len(arguments) != 2:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    source, folder = Path(arguments[0]), Path(arguments[1])
    data = source.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        import gzip

        data = gzip.decompress(data)
    taxonomy = Taxonomy.from_dict(json.loads(data), name=str(source))
    (folder / "certifiers.txt").write_text(_certifiers(taxonomy), "utf-8")
    (folder / "labels.json").write_text(_labels(taxonomy), "utf-8")
    return 0


def _certifiers(taxonomy: Taxonomy) -> str:
    codes: dict[tuple[str, str], list[str]] = {}
    for tag in sorted(taxonomy):
        if found := _CODE.fullmatch(tag):
            codes.setdefault((found[1], found[2]), []).append(found[3])
    rows = [" ".join((*key, *numbers)) for key, numbers in sorted(codes.items())]
    return (
        "# Codes of organic control bodies: country, word, numbers (with region). Facts from the label taxonomy.\n"
        + "".join(f"{row}\n" for row in rows)
    )


def _labels(taxonomy: Taxonomy) -> str:
    wanted = {tag for tag in lines("automatic.txt") if "*" not in tag} | emitted_labels()
    wanted |= {f"en:nutriscore-grade-{grade}" for grade in "abcde"}
    wanted |= {above for tag in wanted for above in taxonomy.ancestors(tag)}
    entries: dict[str, Any] = {}
    for tag in sorted(wanted & set(taxonomy)):
        names = taxonomy.names(tag)
        entries[tag] = {
            "parents": list(taxonomy.parents(tag)),
            "names": {language: names[language] for language in _LANGUAGES if language in names},
        }
    body = ",\n".join(f"{json.dumps(tag)}: {json.dumps(entry, ensure_ascii=False)}" for tag, entry in entries.items())
    return f"{{\n{body}\n}}\n"
