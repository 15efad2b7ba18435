"""What every plugin promises; the examples are checked too."""

from robotoff_core.testing.conformance import PluginConformance


class TestLabelsConformance(PluginConformance):
    """The label plugin."""

    slug = "labels"
