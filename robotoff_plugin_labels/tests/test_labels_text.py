"""The text rules: sentences by language and family, and every phrase of the data files."""

import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from robotoff_core.api import OcrDocument, Prediction, Run
from robotoff_plugin_labels.data import Language, expand, languages, table
from robotoff_plugin_labels.text import LabelText, lexicons

Read = Callable[[str | bytes], list[Prediction]]

SENTENCES = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text("utf-8"))["say"]
FAMILIES = {
    "certifier",
    "organic",
    "quality",
    "sustainable",
    "palm-oil",
    "absence",
    "diet",
    "religion",
    "origin",
    "nutriscore",
}
FULL_LANGUAGES = ("fr", "en", "de", "es", "it", "nl", "pt", "pl")
MEANINGS = table("absence.toml")
ORIGINS = table("origins.toml")

by_language = pytest.mark.parametrize("language", languages(), ids=lambda language: language.code)


def tags(predictions: list[Prediction]) -> set[str | None]:
    return {prediction.value_tag for prediction in predictions}


@pytest.mark.parametrize("say", SENTENCES, ids=lambda say: f"{say['language']}-{say['family']}-{say['text'][:20]}")
def test_sentence_says_exactly_these_labels(say: dict[str, str], read: Read) -> None:
    found = read(say["text"])
    assert tags(found) == set(say["labels"])
    assert len(found) == len(say["labels"]), "each label once"


@pytest.mark.parametrize("language", FULL_LANGUAGES)
def test_every_language_has_sentences_and_traps_of_every_family(language: str) -> None:
    families: dict[str, list[bool]] = defaultdict(list)
    for say in SENTENCES:
        if say["language"] == language:
            families[say["family"]].append(bool(say["labels"]))
    assert families.keys() >= FAMILIES
    for family in ("absence", "diet", "origin"):
        assert set(families[family]) == {True, False}, family


@by_language
@pytest.mark.parametrize("spelling", [str, str.upper], ids=["as-is", "capitals"])
def test_every_phrase_says_its_label(language: Language, spelling: Callable[[str], str], read: Read) -> None:
    missing = [
        (tag, phrase)
        for tag, phrases in language.phrases.items()
        for phrase in phrases
        if tag not in tags(read(f"xyz, {spelling(phrase)}. xyz"))
    ]
    assert missing == []


@by_language
def test_no_phrase_is_found_inside_other_words(language: Language, read: Read) -> None:
    wrong = [
        phrase
        for tag, phrases in language.phrases.items()
        for phrase in phrases
        if phrase.isalpha() and tag in tags(read(f"xyz{phrase}xyz"))
    ]
    assert wrong == []


@by_language
def test_every_trap_says_nothing(language: Language, read: Read) -> None:
    wrong = [(trap, found) for trap in language.traps if (found := tags(read(f"xyz {trap} xyz")))]
    assert wrong == []


@by_language
def test_every_acronym_counts_in_capitals_only(language: Language, read: Read) -> None:
    for tag, acronyms in language.acronyms.items():
        for acronym in acronyms:
            assert tags(read(f"Brie {acronym} fermier")) == {tag}
            assert tags(read(f"Brie {acronym.lower()} fermier")) == set()
            assert tags(read(f"Brie {acronym} 12,5 %")) == set(), "an ingredient's quality"


@by_language
def test_every_negator_and_substance(language: Language, read: Read) -> None:
    words = [(name, word) for name, all_words in language.substances.items() for word in all_words]
    for place, (name, word) in enumerate(words):
        negator = language.negators[place % len(language.negators)]
        expected = MEANINGS[name].get("plain")
        assert tags(read(f"xyz {negator} {word}, xyz")) == ({expected} if expected else set()), (negator, word)
    if not language.negators:
        return
    colorings, preservatives = language.substances["colorings"][0], language.substances["preservatives"][0]
    for negator in language.negators:
        for coordinator in language.words["coordinators"]:
            text = f"{negator} {colorings} {coordinator} {preservatives}"
            assert tags(read(text)) >= {"en:no-colorings", "en:no-preservatives"}, text


@by_language
def test_every_adjective_narrows_the_claim(language: Language, read: Read) -> None:
    for adjective in language.words["artificial"]:
        for name in ("preservatives", "colorings", "flavors"):
            for word in language.substances[name][:2]:
                for text in (f"{adjective} {word}", f"{word} {adjective}"):
                    assert tags(read(f"{language.negators[0]} {text}")) == {MEANINGS[name]["artificial"]}, text
    for adjective in language.words["other"]:
        word = language.substances["flavors"][0]
        assert tags(read(f"{language.negators[0]} {adjective} {word}")) == set()
        assert tags(read(f"{language.negators[0]} {word} {adjective}")) == set()
    for adjective in language.words["added"]:
        sugar = language.substances["sugar"][0]
        for text in (f"{adjective} {sugar}", f"{sugar} {adjective}"):
            assert tags(read(f"{language.negators[0]} {text}")) == {"en:no-added-sugar"}, text


@by_language
def test_every_prefix_and_country(language: Language, read: Read) -> None:
    for country, names in language.countries.items():
        for place, name in enumerate(names):
            prefix = language.prefixes[place % len(language.prefixes)]
            text = f"xyz {prefix} {name}. xyz"
            assert tags(read(text)) == {ORIGINS[country]["tag"]}, text
            if name.isalpha():
                assert tags(read(f"xyz {prefix} {name}x")) == set(), text
    for prefix in language.prefixes:
        name = next(iter(language.countries.values()))[0]
        for article in ("", *language.articles):
            assert read(f"{prefix} {article} {name}".replace("  ", " ")), prefix
        assert tags(read(f"{prefix} facility")) == set()


def test_each_label_stands_once_where_it_is_read_first(read: Read) -> None:
    found = read("Sans gluten. GLUTEN FREE\nVegan. vegan")
    assert [(one.value_tag, one.data["text"], one.span) for one in found] == [
        ("en:no-gluten", "Sans gluten", (0, 11)),
        ("en:vegan", "Vegan", (25, 30)),
    ]
    assert all(one.automatic is None and one.confidence is None and one.value is None for one in found)


def test_an_acronym_alone_is_never_automatic_but_words_beside_it_may_be(read: Read) -> None:
    (found,) = read("MSC")
    assert (found.value_tag, found.automatic) == ("en:sustainable-seafood-msc", False)
    (found,) = read("MSC. www.msc.org")
    assert (found.value_tag, found.automatic, found.span) == ("en:sustainable-seafood-msc", None, (5, 16))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Appellation Côtes du Rhône Contrôlée", {"fr:aoc"}),
        ("APPELLATION BORDEAUX\nCONTRÔLÉE", {"fr:aoc"}),
        ("Appellation d'Origine Contrôlée", {"fr:aoc"}),
        ("Appellation Bandol protégée", {"en:pdo"}),
        ("Appellation 75 cl. mise en bouteille contrôlée", set()),
        ("Appellation of a place that goes on for much too many words contrôlée", set()),
    ],
)
def test_appellation(text: str, expected: set[str], read: Read) -> None:
    assert tags(read(text)) == expected


def test_method_names_the_public_predictor(read: Read) -> None:
    methods = {one.value_tag: one.method for one in read("FR-BIO-01, sans colorant, vegan, Made in Italy, AOC")}
    assert methods == {
        "en:fr-bio-01": "regex",
        "en:no-colorings": "regex",
        "en:vegan": "flashtext",
        "en:made-in-italy": "flashtext",
        "fr:aoc": "regex",
    }


@pytest.mark.parametrize(
    "text", ["", " ", "\n|\n", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "no"]
)
def test_nothing_in_nothing(text: str, read: Read) -> None:
    assert read(text) == []


def test_an_unbound_document_is_an_error_of_the_caller(run: Run[object]) -> None:
    with pytest.raises(LookupError, match=r"labels\.claims"):
        LabelText().predict(OcrDocument.from_text("vegan"), run)


def test_lexicon_terms_are_unique_and_plain() -> None:
    for lexicon in lexicons():
        assert lexicon.name.startswith("labels.")
        assert len(set(lexicon.entries)) == len(lexicon.entries)
        for term, _ in lexicon.entries:
            assert term == term.strip()
            assert not set(term) & set("()|~")


def test_no_phrase_is_a_trap_too() -> None:
    claims = {lexicon.name: lexicon for lexicon in lexicons()}["labels.claims"]
    kinds: dict[str, set[str]] = defaultdict(set)
    for term, (kind, _) in claims.entries:
        kinds[OcrDocument.from_text(term).folded].add(kind)
    assert [term for term, found in kinds.items() if "trap" in found and len(found) > 1] == []


def test_a_bracket_that_stays_open_is_named() -> None:
    assert list(expand("a(b|c(d|e))~f")) == ["ab-f", "ab f", "acd-f", "acd f", "ace-f", "ace f"]
    with pytest.raises(ValueError, match="bracket is not closed"):
        list(expand("a(b|c"))
