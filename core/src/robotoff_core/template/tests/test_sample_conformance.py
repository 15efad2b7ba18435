from robotoff_core.testing.conformance import PluginConformance


class TestSampleConformance(PluginConformance):
    """What every plugin promises, checked on this one; the examples are checked too."""

    slug = "sample"
