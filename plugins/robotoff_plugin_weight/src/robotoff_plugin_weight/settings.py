"""The plugin's settings: the table ``[plugins.weight]`` of ``robotoff.toml``."""

from attrs import field, frozen, validators

__all__ = ["WeightSettings"]


@frozen
class WeightSettings:
    """Between which totals, in grams or millilitres, a product's quantity is believed; both bounds included."""

    lowest: float = field(default=10.0, validator=validators.gt(0))
    highest: float = field(default=30_000.0, validator=validators.gt(0))
