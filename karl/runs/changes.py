"""What may change in the configuration of a run; what may not gives it its hash and name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from karl.config.build import TRACKING
from karl.config.compose import GROUPS_KEY, compose_config, flatten, parse_overrides
from karl.config.former import first_named
from karl.errors import ConfigError
from karl.files import hash_json
from karl.llm.backend import Transport

__all__ = ["changed", "default_name", "fixed_hash", "is_changeable", "may_change"]

# Limits and transport: raising or changing them does not touch what is done.
_BUDGETS = ("rounds", "labels", "usd", "calls", "tokens")
_CHANGEABLE = {f"budget.{key}" for key in _BUDGETS} | {
    f"{group}.{field.name}" for group in ("llm", "cards") for field in fields(Transport)
}


def is_changeable(key: str) -> bool:
    """Whether the value of a dotted key may change during a run."""
    of_tracking = key.startswith(f"{TRACKING}.") or key == f"{GROUPS_KEY}.{TRACKING}"
    # An experiment is but a name for what it chooses.
    of_experiment = key == f"{GROUPS_KEY}.experiment"
    return of_tracking or of_experiment or key in _CHANGEABLE


def may_change(override: str) -> bool:
    """Whether an override only sets what a run that exists may change, such as a limit."""
    key, equals, _ = override.partition("=")
    return bool(equals) and (key == TRACKING or is_changeable(key))


def changed(
    config: dict[str, Any], changes: Sequence[str], config_dir: Path | None = None
) -> dict[str, Any]:
    """Return a run's configuration with other values, which overrides give that `may_change`.

    A ConfigError tells of one that is malformed, has several values, or chooses an option that
    there is not.
    """
    if not changes:
        return config
    new = deepcopy(config)
    overrides = parse_overrides(changes)
    chosen = [item for item in overrides if item.key_or_group == TRACKING]
    if chosen:  # a group: its option brings keys of its own
        composed = compose_config([str(item.input_line) for item in chosen], config_dir)
        new[TRACKING] = composed.get(TRACKING)
        new[GROUPS_KEY][TRACKING] = composed[GROUPS_KEY].get(TRACKING)
    for item in overrides:
        if item not in chosen:
            # What stands in a run's file is plain text, whatever it looks like.
            *parents, name = item.key_or_group.split(".")
            place = new
            for parent in parents:
                if not isinstance(place.get(parent), dict):
                    place[parent] = {}
                place = place[parent]
            place[name] = _value(item)
    return new


def _value(override: Override) -> Any:
    """Return the value of an override, in which ${…} means what it does for a new run."""
    try:
        alone = OmegaConf.create({"value": override.value()})
        OmegaConf.resolve(alone)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{override.input_line}: {str(error).splitlines()[0]}") from error
    plain: Any = OmegaConf.to_container(alone)
    return plain["value"]


def fixed_hash(config: dict[str, Any], distinguish: Collection[str] = ()) -> str:
    """Hash a configuration without the keys that may change during a run, but for some."""
    values = flatten(first_named(config))
    return hash_json({k: v for k, v in values.items() if k in distinguish or not is_changeable(k)})


def default_name(config: dict[str, Any], distinguish: Collection[str] = ()) -> str:
    """Return a name that is the same whenever the configuration is.

    Keys to `distinguish` tell runs apart here although they may change during a run, such as
    `budget.labels` where several values of it are compared.
    """
    choices = config[GROUPS_KEY]
    return f"{choices.get('data')}-{choices.get('sampler')}-{fixed_hash(config, distinguish)[:8]}"
