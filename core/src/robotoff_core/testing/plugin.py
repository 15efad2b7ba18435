"""The pytest plugin `robotoff`: fixtures for everybody who installs robotoff-core."""

pytest_plugins = ["robotoff_core.testing.services"]
