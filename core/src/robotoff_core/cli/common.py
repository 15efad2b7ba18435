"""What every command shares: the options given to ``robotoff`` itself, and how errors leave the process.

Exit codes: 0 all is well; 1 the command ran and found or hit trouble; 2 wrong usage or configuration.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import field, frozen

from ..config import Config, ConfigError, load_config

__all__ = ["GlobalOptions", "UsageFailure", "configuration"]


class UsageFailure(click.ClickException):
    """A message for the user and exit code 2."""

    exit_code = 2


@frozen
class GlobalOptions:
    """The options before the command: the configuration file, and values that override it."""

    config: Path | None = None
    overrides: Mapping[str, Any] = field(factory=dict)


def configuration(ctx: click.Context, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration for this command. *overrides*: the command's own options by dotted key; ``None`` values are
    options that were not given.

    A wrong configuration ends the process with its message and exit code 2.
    """
    options = ctx.find_object(GlobalOptions) or GlobalOptions()
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return load_config(options.config, {**options.overrides, **given})
    except ConfigError as error:
        raise UsageFailure(str(error)) from None
