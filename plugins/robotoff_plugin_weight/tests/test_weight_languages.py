"""Every language file: its words do what its keys say, and its question is one."""

from collections.abc import Callable, Sequence

import pytest

from robotoff_core.api import Prediction
from robotoff_plugin_weight.words import Kind, languages, meanings

Read = Callable[[str | bytes], Sequence[Prediction]]

WORDS = [
    pytest.param(code, kind, word, id=f"{code}-{kind.value}-{word}")
    for code, language in languages().items()
    for kind, words in language.words.items()
    for word in words
]


def of(*kinds: Kind) -> list[object]:
    return [param for param in WORDS if param.values[1] in kinds]


def test_the_languages() -> None:
    assert {"fr", "en", "de", "nl", "es", "it", "pt", "pl", "da", "sv", "nb", "fi"} <= set(languages())


@pytest.mark.parametrize("code", languages())
def test_a_language_is_complete(code: str) -> None:
    language = languages()[code]
    assert language.name
    assert language.question.rstrip().endswith(("?", ";"))  # Greek asks with a semicolon
    assert set(language.words) == set(Kind)
    assert all(language.words.values())


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.NET))
def test_net_words_introduce_the_net_quantity(read: Read, code: str, kind: Kind, word: str) -> None:
    for text in (f"{word}: 500 g", f"{word.upper()} 500 g ℮", f"x 3 %\n{word} 500g"):
        (prediction,) = read(text)
        assert (prediction.value, prediction.data["matcher_type"]) == ("500 g", "with_mention")
        assert prediction.automatic is True
        assert code in prediction.data["prompt_languages"]


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.WEAK))
def test_weak_words_make_questions_only(read: Read, code: str, kind: Kind, word: str) -> None:
    (prediction,) = read(f"{word}: 500 g")
    assert prediction.value == "500 g"
    assert prediction.automatic is False


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.DRAINED, Kind.SERVING, Kind.PER_SERVING))
def test_other_amounts_are_never_offered(read: Read, code: str, kind: Kind, word: str) -> None:
    for text in (f"{word}: 240 g", f"{word} 240 g ℮", f"{word} (2 x 120 g)"):
        assert read(text) == []


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.DRAINED, Kind.PER_SERVING))
def test_nor_before_such_a_word(read: Read, code: str, kind: Kind, word: str) -> None:
    net = languages()[code].words[Kind.NET][0]
    assert read(f"{net}: 240 g {word}") == []
    assert [prediction.value for prediction in read(f"{net}: 400 g\n{word}: 240 g")] == ["400 g"]


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.RECIPE))
def test_amounts_of_a_recipe_are_not_offered(read: Read, code: str, kind: Kind, word: str) -> None:
    assert read(f"{word}: 2 x 200 g, 50 ml ℮") == []


@pytest.mark.parametrize(("code", "kind", "word"), of(Kind.NEUTRAL))
def test_neutral_words_say_nothing(read: Read, code: str, kind: Kind, word: str) -> None:
    assert read(f"{word} 500 g") == []


def test_no_word_has_two_meanings() -> None:
    assert meanings()["poids net"].languages == ("fr",)
    assert "nl" in meanings()["netto"].languages
    assert "de" in meanings()["netto"].languages


@pytest.mark.parametrize(
    ("code", "text", "value"),
    [
        ("fr", "Haricots verts\nPoids net : 400 g\nPoids net égoutté : 220 g\nPour 100 g : sel 0,6 g", "400 g"),
        ("en", "Baked beans\nServing size 200 g\nNet weight 415 g e\nStore in a cool place", "415 g"),
        ("de", "Gewürzgurken\nFüllmenge: 670 g Abtropfgewicht: 360 g\nNährwerte pro 100 g", "670 g"),
        ("nl", "Doperwten\nNettogewicht 400 g\nUitlekgewicht 280 g\nPer portie 100 g", "400 g"),
        ("es", "Aceitunas\nPeso neto 350 g / Peso escurrido 150 g\nPor 100 g: grasas 15 g", "350 g"),
        ("it", "Tonno\nPeso netto: 240 g\nPeso sgocciolato: 156 g\nPorzione 52 g", "240 g"),
        ("pt", "Atum\nPeso líquido: 120 g Peso escorrido: 84 g\nPorção de 60 g", "120 g"),
        ("pl", "Ogórki\nMasa netto: 900 g\nMasa netto po odsączeniu: 500 g\nPorcja 50 g", "900 g"),
        ("da", "Majs\nNettovægt: 340 g Drænet vægt: 285 g", "340 g"),
        ("sv", "Vita bönor\nNettovikt: 380 g Avrunnen vikt: 230 g", "380 g"),
        ("nb", "Mais\nNettovekt 340 g, avrent vekt 285 g", "340 g"),
        ("fi", "Herneet\nNettopaino: 400 g Valutettu paino: 240 g\nAnnos 100 g", "400 g"),
        ("cs", "Okurky\nHmotnost netto: 660 g Hmotnost pevného podílu: 330 g", "660 g"),
        ("sk", "Kukurica\nČistá hmotnosť: 340 g Pevný podiel: 285 g", "340 g"),
        ("hu", "Uborka\nNettó tömeg: 670 g Töltőtömeg: 360 g", "670 g"),
        ("ro", "Castraveți\nGreutate netă: 680 g Masa netă scursă: 340 g\nO porție 50 g", "680 g"),
        ("hr", "Grah\nNeto količina: 400 g Ocijeđena masa: 240 g", "400 g"),
        ("sl", "Fižol\nNeto količina: 400 g Odcejena masa: 240 g", "400 g"),
        ("el", "Ελιές\nΚαθαρό βάρος: 370 g Στραγγισμένο βάρος: 200 g", "370 g"),
        ("bg", "Краставички\nНето тегло: 680 г Отцедено тегло: 340 г", "680 g"),
        ("ru", "Огурцы\nМасса нетто: 680 г Масса основного продукта: 340 г", "680 g"),
        ("tr", "Zeytin\nNet ağırlık: 700 g Süzme ağırlık: 400 g", "700 g"),
    ],
)
def test_a_typical_pack(read: Read, code: str, text: str, value: str) -> None:
    (prediction,) = read(text)
    assert prediction.value == value
    assert code in prediction.data["prompt_languages"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "X", "question": "?", "nett": []}, "'nett': unknown"),
        ({"name": "X"}, "'question' is missing"),
        ({"name": 3, "question": "?"}, "'name': not a text"),
        ({"name": "X", "question": "?", "net": "poids"}, "'net': not a list of words"),
    ],
)
def test_a_wrong_language_file_is_named(table: dict[str, object], message: str) -> None:
    from robotoff_plugin_weight.words import _language

    with pytest.raises(ValueError, match=message) as error:
        _language("xx", table)
    assert "data/languages/xx.toml" in str(error.value)
