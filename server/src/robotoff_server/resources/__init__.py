"""The handlers, one module per resource: each reads typed parameters, calls the engine in the pool, answers data."""
