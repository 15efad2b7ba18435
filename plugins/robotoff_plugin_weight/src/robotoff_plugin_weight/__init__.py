"""Product weight: the net quantity printed on the package."""
