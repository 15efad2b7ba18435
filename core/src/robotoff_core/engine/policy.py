"""The deployment's word on automatic application: a plugin proposes, ``[automatic]`` of the configuration decides."""

from ..config import AutomaticConfig

__all__ = ["automatic_allowed"]


def automatic_allowed(config: AutomaticConfig, *, insight_type: str, predictor: str | None, server_type: str) -> bool:
    """Whether a proposal of *predictor* (its public name) for
    *insight_type* may be applied without a person.

    Rules are read in order and the last one that matches decides; none matching means yes. With ``enabled = false``
    nothing is applied. Asked when an insight is made *and* again when it falls due, so that a change takes effect at
    once.
    """
    allowed = config.enabled
    for rule in config.rules:
        if (
            rule.type in (None, insight_type)
            and rule.predictor in (None, predictor)
            and rule.server_type in (None, server_type)
        ):
            allowed = config.enabled and rule.allow
    return allowed
