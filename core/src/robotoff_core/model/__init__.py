"""The value types of the engine: frozen, without I/O, importing nothing else of ours.

They follow the data: identities (:mod:`.ids`), boxes (:mod:`.boxes`), products (:mod:`.products`), predictions,
candidates, insights, questions, answers, edits.
"""
