"""Look-ups in one taxonomy, and the packaged sample."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotoff_core.taxonomy import Taxonomies, Taxonomy

NODES: Mapping[str, Any] = {
    "en:food": {"name": {"en": "Food", "fr": "Aliment"}},
    "en:fruit": {
        "parents": ["en:food"],
        "name": {"en": "Fruit", "pt": "Fruta", "pt-br": "Fruta brasileira"},
        "synonyms": {"en": ["Fruits", "Fresh fruit"], "fr": ["Fruits frais"]},
        "wikidata": {"en": "Q3314483"},
    },
    "en:apple": {"parents": ["en:fruit"], "name": {"xx": "Malus", "en": "Apple", "fr": "Pomme"}},
    "en:no-øko-01": {"name": {"xx": "NO-ØKO-01"}},
    "en:de-oko-006": {"name": {"en": "DE-ÖKO-006"}},
    "fr:peche-d-ete": {"parents": ["en:fruit", "en:unknown"], "name": {"fr": "Pêche d'été"}},
}


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_dict(NODES, name="things")


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("en:apple", "en:apple"),
        ("fr:pomme", "en:apple"),
        ("fr:Pomme", "en:apple"),
        ("de:malus", "en:apple"),  # the language-neutral name holds in every language
        ("Pomme", "en:apple"),
        ("fr:fruits-frais", "en:fruit"),
        ("fr:Fruits Frais", "en:fruit"),
        ("Fresh  fruit", "en:fruit"),
        ("fr:pêche d’été", "fr:peche-d-ete"),
        ("fr:peche-d-ete", "fr:peche-d-ete"),
        ("en:de-öko-006", "en:de-oko-006"),
        ("DE-ÖKO-006", "en:de-oko-006"),
        ("en:no-oko-01", "en:no-øko-01"),
        ("en:no-øko-01", "en:no-øko-01"),
        ("de:pomme", None),
        ("en:xx-bio-12", None),
        ("nothing", None),
        ("", None),
        (":", None),
    ],
)
def test_canonical(taxonomy: Taxonomy, tag: str, canonical: str | None) -> None:
    assert taxonomy.canonical(tag) == canonical


def test_a_synonym_never_takes_another_nodes_name() -> None:
    taxonomy = Taxonomy.from_dict(
        {"en:a": {"name": {"en": "A"}, "synonyms": {"en": ["B"]}}, "en:b": {"name": {"en": "B"}}}
    )
    assert taxonomy.canonical("en:B") == "en:b"


def test_membership_and_size(taxonomy: Taxonomy) -> None:
    assert "en:apple" in taxonomy
    assert "fr:pomme" not in taxonomy
    assert len(taxonomy) == 6
    assert next(iter(taxonomy)) == "en:food"


def test_ancestors_and_deepest(taxonomy: Taxonomy) -> None:
    assert taxonomy.parents("en:apple") == ("en:fruit",)
    assert taxonomy.children("en:fruit") == ("en:apple", "fr:peche-d-ete")
    assert taxonomy.ancestors("en:apple") == {"en:fruit", "en:food"}
    assert taxonomy.is_ancestor("en:food", "en:apple")
    assert not taxonomy.is_ancestor("en:apple", "en:food")
    assert not taxonomy.is_ancestor("en:apple", "en:apple")
    assert taxonomy.deepest(["en:food", "en:apple", "en:mystery", "en:fruit", "en:apple"]) == ["en:apple", "en:mystery"]
    assert taxonomy.ancestors("en:mystery") == frozenset()
    assert taxonomy.parents("en:mystery") == taxonomy.children("en:mystery") == ()


def test_a_cycle_ends() -> None:
    taxonomy = Taxonomy.from_dict({"a": {"parents": ["b"]}, "b": {"parents": ["a"]}})
    assert taxonomy.ancestors("a") == {"b"}


@pytest.mark.parametrize(
    ("node", "lang", "name"),
    [
        ("en:apple", "fr", "Pomme"),
        ("en:apple", "de", "Malus"),
        ("en:fruit", "pt", "Fruta"),
        ("en:fruit", "pt_BR", "Fruta brasileira"),
        ("en:fruit", "pt-PT", "Fruta"),
        ("en:fruit", "de", "Fruit"),
        ("fr:peche-d-ete", "en", "fr:peche-d-ete"),
        ("en:mystery", "fr", "en:mystery"),
    ],
)
def test_name_chain(taxonomy: Taxonomy, node: str, lang: str, name: str) -> None:
    assert taxonomy.name(node, lang) == name


def test_properties_names_and_synonyms(taxonomy: Taxonomy) -> None:
    assert taxonomy.properties("en:fruit") == {"wikidata": {"en": "Q3314483"}}
    assert taxonomy.properties("en:mystery") == {}
    assert taxonomy.names("en:food")["fr"] == "Aliment"
    assert taxonomy.synonyms("en:fruit")["fr"] == ["Fruits frais"]
    assert not taxonomy.names("en:mystery")
    assert not taxonomy.synonyms("en:mystery")


def test_a_name_that_is_null_is_none() -> None:
    taxonomy = Taxonomy.from_dict({"bg:soda": {"name": {"bg": None, "fr": "Soda"}}})
    assert taxonomy.name("bg:soda", "bg") == "bg:soda"
    assert taxonomy.canonical("fr:soda") == "bg:soda"


def test_an_empty_taxonomy_knows_nothing() -> None:
    taxonomy = Taxonomy()
    assert taxonomy.canonical("en:apple") is None
    assert taxonomy.deepest(["en:apple"]) == ["en:apple"]
    assert taxonomy.name("en:apple", "fr") == "en:apple"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "an object of nodes expected, not list"),
        ({"en:a": 5}, "node 'en:a': an object expected, not int"),
        ({"en:a": {"parents": "en:b"}}, "node 'en:a': 'parents' has the wrong type"),
        ({"en:a": {"name": []}}, "node 'en:a': 'name' has the wrong type"),
        ({"en:a": {"synonyms": {"en": "A"}}}, "node 'en:a': 'synonyms' has the wrong type"),
        ({"en:a": {"name": {"en": 5}}}, "node 'en:a': 'name' has the wrong type"),
        ({"en:a": {"parents": [5]}}, "node 'en:a': 'parents' has the wrong type"),
    ],
)
def test_wrong_shapes_are_refused(nodes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Taxonomy.from_dict(nodes, name="things")


@settings(deadline=None)
@given(st.text())
def test_canonical_takes_any_text(text: str) -> None:
    Taxonomy.from_dict(NODES).canonical(text)


# The packaged sample.

LANGUAGES = ("en", "fr", "de", "es", "it", "nl", "pt", "pl")


@pytest.fixture(scope="module")
def sample() -> Taxonomy:
    return Taxonomies().get("labels")


def test_the_sample_is_closed_and_named(sample: Taxonomy) -> None:
    for node in sample:
        assert re.fullmatch(r"[a-z]{2}:[^\s:A-Z]+", node)
        assert all(parent in sample for parent in sample.parents(node)), node
        assert node not in sample.ancestors(node)
        names = sample.names(node)
        assert "xx" in names or all(names.get(lang) for lang in LANGUAGES), node


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("fr:Sans gluten", "en:no-gluten"),
        ("en:gluten-free", "en:no-gluten"),
        ("de:glutenfrei", "en:no-gluten"),
        ("pl:bez-glutenu", "en:no-gluten"),
        ("en:palm-oil-free", "en:no-palm-oil"),
        ("fr:bio", "en:organic"),
        ("FR-BIO-01", "en:fr-bio-01"),
        ("en:de-öko-006", "en:de-oko-006"),
        ("en:xx-bio-12", None),
        ("en:fr-bio-02", None),
        ("fr:vegan", "en:vegan"),
        ("Nutriscore", "en:nutriscore"),
        ("MSC", "en:sustainable-seafood-msc"),
    ],
)
def test_the_sample_knows(sample: Taxonomy, tag: str, canonical: str | None) -> None:
    assert sample.canonical(tag) == canonical


def test_certifier_codes_are_organic(sample: Taxonomy) -> None:
    codes = [node for node in sample if re.fullmatch(r"en:[a-z]{2}-(bio|oko|øko|eko|eco|org)-.+", node)]
    assert len(codes) > 500
    assert all(sample.is_ancestor("en:organic", code) for code in codes)
    assert sample.is_ancestor("en:organic", "fr:ab-agriculture-biologique")
    assert sample.name("en:fr-bio-01", "fr") == "FR-BIO-01"


def test_other_names_without_a_source_are_empty() -> None:
    assert len(Taxonomies().get("planets")) == 0
    assert len(Taxonomies().get("../data/labels")) == 0
