from robotoff_core.testing.conformance import PluginConformance


class TestWeightConformance(PluginConformance):
    """What every plugin promises, checked on this one; the examples are checked too."""

    slug = "weight"
