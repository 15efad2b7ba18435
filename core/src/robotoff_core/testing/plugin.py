"""The pytest plugin `robotoff`: fixtures for everybody who installs robotoff-core."""
