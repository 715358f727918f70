"""Training settings on the command line: KEY=VALUE, checked before anything starts."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ml.config import TrainConfig


def add_settings_arguments(parser: ArgumentParser) -> None:
    """Let the command take --epochs and --config."""
    parser.add_argument("--epochs", type=int, help="the most epochs (early stopping may end sooner)")
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of ml.config.TrainConfig",
    )


def parse_settings(pairs: list[str], *, epochs: int | None) -> dict[str, Any]:
    """Return the settings as a dict; a value is JSON or else text. Raises CommandError for a wrong one."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise CommandError(f"--config {pair}: write KEY=VALUE, such as embedding_dim=32.")
        settings[key] = _value_of(value)
    if epochs is not None:
        settings["max_epochs"] = epochs
    try:
        TrainConfig.from_dict(settings)
    except (TypeError, ValueError) as error:
        raise CommandError(f"The training settings are wrong: {error}") from error
    return settings


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
