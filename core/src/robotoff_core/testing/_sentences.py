"""Sentences as they stand on food labels, for generated corpora. Written for this project; all names are invented.

``{n}`` becomes a number below 100, ``{m}`` one of three digits, ``{w}`` a round weight. The lines of a nutrition table
stand together.
"""

__all__ = ["SENTENCES"]

SENTENCES: dict[str, tuple[str, ...]] = {
    "fr": (
        "Ingrédients : farine de blé {n} %, sucre, huile de tournesol, sirop de glucose, sel, poudre à lever.",
        "Peut contenir des traces de fruits à coque, de sésame et de lait.",
        "À consommer de préférence avant la date indiquée sur le dessus de l'emballage.",
        "Conserver dans un endroit frais et sec, à l'abri de la lumière.",
        "Après ouverture, conserver au réfrigérateur et consommer dans les {n} jours.",
        (
            "Valeurs nutritionnelles moyennes pour 100 g\nÉnergie {m} kJ\n"
            "Matières grasses {n} g\nGlucides {n} g\nProtéines {n} g"
        ),
        "Agitez avant d'ouvrir et servez bien frais.",
        "Pour une alimentation saine, mangez au moins cinq fruits et légumes par jour.",
        "Poids net : {w} g",
        "Fabriqué en France par la Fromagerie du Vieux Moulin, {n} rue des Tilleuls.",
        "Issu de l'agriculture biologique, sans conservateur et sans arôme artificiel.",
        "Notre savoir-faire se transmet depuis {n} ans dans une petite vallée entourée de prairies.",
        "Suggestion de présentation. Préparez une vinaigrette, ajoutez les herbes et mélangez doucement.",
        "Service consommateurs : une question, une remarque, écrivez à notre équipe au {m}.",
        "Portion conseillée de {n} g, soit environ {n} portions par paquet.",
    ),
    "en": (
        "Ingredients: whole grain oats ({n}%), sugar, rapeseed oil, honey, salt, natural flavouring, emulsifier.",
        "Allergy advice: for allergens, see ingredients in bold. May also contain nuts and soya.",
        "Store in a cool dry place. Once opened keep in an airtight container.",
        "Best before end: see top of the pack. Do not use after this date.",
        (
            "Nutrition typical values per 100 g\nEnergy {m} kJ\nFat {n} g\n"
            "of which saturates {n} g\nCarbohydrate {n} g\nSalt 0.{n} g"
        ),
        "Serving suggestion: pour over fresh fruit and enjoy with a glass of cold milk.",
        "Suitable for vegetarians and made without artificial colours or preservatives.",
        "Net weight {w} g",
        "Produced in the United Kingdom for Hill and Harbour Foods, {n} Mill Lane.",
        "We bake every batch by hand, slowly and in small ovens, the way our grandparents did.",
        "This pack contains {n} servings of {n} g each as part of a varied diet.",
        "Preheat the oven to {m} degrees and bake for {n} minutes until golden brown.",
        "Please recycle: carton widely recycled, film not yet recycled. Keep our country tidy.",
        "If you are not happy with this product, write to our careline team with the pack.",
    ),
    "de": (
        "Zutaten: Weizenmehl {n} %, Zucker, Sonnenblumenöl, Vollmilchpulver, Salz, Backtriebmittel.",
        "Kann Spuren von Schalenfrüchten, Erdnüssen und Sesam enthalten.",
        "Kühl und trocken lagern. Vor Wärme und Sonnenlicht schützen.",
        "Mindestens haltbar bis: siehe Deckel. Nach dem Öffnen rasch verbrauchen.",
        (
            "Durchschnittliche Nährwerte pro 100 g\nBrennwert {m} kJ\nFett {n} g\n"
            "Kohlenhydrate {n} g\nEiweiß {n} g\nSalz 0,{n} g"
        ),
        "Ohne Zusatz von Geschmacksverstärkern, Farbstoffen und Konservierungsstoffen.",
        "Nettofüllmenge {w} g",
        "Hergestellt in Deutschland für die Mühlbacher Landmolkerei, Am Anger {n}.",
        "Aus kontrolliert biologischem Anbau, schonend verarbeitet und sorgfältig geprüft.",
        "Zubereitung: in kochendes Wasser geben, umrühren und {n} Minuten ziehen lassen.",
        "Unser Familienbetrieb arbeitet seit {n} Jahren mit Bauern aus der Umgebung zusammen.",
        "Portionsgröße {n} g, die Packung enthält etwa {n} Portionen.",
        "Schonend geröstet, fein gemahlen und unter Schutzatmosphäre verpackt.",
    ),
    "es": (
        "Ingredientes: harina de trigo {n} %, azúcar, aceite de oliva, huevo, levadura, sal y aroma natural.",
        "Puede contener trazas de frutos de cáscara, soja y leche.",
        "Conservar en lugar fresco y seco. Una vez abierto, mantener refrigerado.",
        "Consumir preferentemente antes del fin de: ver la tapa del envase.",
        (
            "Información nutricional por 100 g\nValor energético {m} kJ\n"
            "Grasas {n} g\nHidratos de carbono {n} g\nProteínas {n} g"
        ),
        "Peso neto: {w} g",
        "Elaborado en España por Conservas de la Ría Serena, polígono número {n}.",
        "Producto de agricultura ecológica, sin gluten y sin azúcares añadidos.",
        "Receta tradicional de nuestra tierra, preparada a fuego lento con verduras de la huerta.",
        "Abrir con cuidado, calentar durante {n} minutos y remover antes de servir.",
        "Cada ración de {n} g aporta fibra y vitaminas dentro de una dieta equilibrada.",
        "Agitar antes de usar. No congelar. Envasado en atmósfera protectora.",
    ),
    "it": (
        "Ingredienti: semola di grano duro {n} %, acqua, uova fresche, sale marino, olio extravergine di oliva.",
        "Può contenere tracce di soia, senape e frutta a guscio.",
        "Conservare in luogo fresco e asciutto, lontano da fonti di calore.",
        "Da consumarsi preferibilmente entro la data indicata sul fondo della confezione.",
        (
            "Valori nutrizionali medi per 100 g\nEnergia {m} kJ\nGrassi {n} g\n"
            "Carboidrati {n} g\nProteine {n} g\nSale 0,{n} g"
        ),
        "Peso netto {w} g",
        "Prodotto in Italia dal Pastificio della Torre Bianca, via dei Mulini {n}.",
        "Trafilata al bronzo ed essiccata lentamente a bassa temperatura.",
        "Cuocere in abbondante acqua salata per {n} minuti, mescolando di tanto in tanto.",
        "Da agricoltura biologica, con grano coltivato e macinato nelle nostre colline.",
        "Una porzione da {n} g contiene fibre, proteine e tutto il gusto della tradizione.",
        "Confezionato in atmosfera protettiva. Dopo l'apertura consumare entro {n} giorni.",
    ),
    "pl": (
        "Składniki: mąka pszenna {n} %, cukier, olej rzepakowy, jaja, mleko w proszku, sól, aromaty.",
        "Może zawierać orzechy, soję, sezam oraz gorczycę.",
        "Przechowywać w suchym i chłodnym miejscu, z dala od światła.",
        "Najlepiej spożyć przed końcem: data na wieczku opakowania.",
        "Wartość odżywcza w 100 g\nWartość energetyczna {m} kJ\nTłuszcz {n} g\nWęglowodany {n} g\nBiałko {n} g",
        "Masa netto: {w} g",
        "Wyprodukowano w Polsce dla Spiżarni Pod Lipą, ulica Młyńska {n}.",
        "Produkt rolnictwa ekologicznego, bez dodatku cukru i bez konserwantów.",
        "Sposób przygotowania: zalać wrzącą wodą, wymieszać i odstawić na {n} minut.",
        "Po otwarciu przechowywać w lodówce i spożyć w ciągu {n} dni.",
        "Porcja {n} g dostarcza błonnika i witamin jako część zróżnicowanej diety.",
        "Tradycyjny przepis naszej babci, bez pośpiechu i z najlepszych składników.",
    ),
}
