"""Robotoff's core: the insight engine that knows no insight type. Plugin authors import :mod:`robotoff_core.api`."""

__version__ = "0.1.0"
