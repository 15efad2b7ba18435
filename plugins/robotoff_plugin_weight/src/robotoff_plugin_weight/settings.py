"""The plugin's settings: the table ``[plugins.weight]`` of ``robotoff.toml``."""

from typing import Any

from attrs import field, frozen, validators

__all__ = ["WeightSettings"]


def _above_lowest(settings: "WeightSettings", _attribute: Any, value: float) -> None:
    if value <= settings.lowest:
        raise ValueError(f"'highest' must be above 'lowest' ({settings.lowest:g}): {value:g}")


@frozen
class WeightSettings:
    """Between which totals, in grams or millilitres, a product's quantity is believed; both bounds included."""

    lowest: float = field(default=10.0, validator=validators.gt(0))
    highest: float = field(default=30_000.0, validator=_above_lowest)
