"""A configuration, turned into the strategies it names."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, Final

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pydantic import TypeAdapter, ValidationError

from karl.config.compose import GROUPS_KEY
from karl.errors import ConfigError

__all__ = ["GROUPS", "build", "build_strategy"]

GROUPS: Final = (
    *("data", "cards", "split", "encoder", "categories", "features", "classifier"),
    *("candidates", "sampler", "llm", "consensus", "budget"),
)
"""The groups that make an experiment."""

TRACKING: Final = "tracking"
"""The group that chooses who else is told of a run; it is no part of the experiment."""


def build(config: dict[str, Any]) -> dict[str, Any]:
    """Make the strategies of a composed configuration.

    Parameters
    ----------
    config : dict
        What `compose_config` returned, or a run's `config.yaml`.

    Returns
    -------
    dict
        One strategy for each of `GROUPS`, by its name; `seed`, and `choices`: the option
        that was chosen in each group.

    Raises
    ------
    ConfigError
        If a value has the wrong type or is out of range; it names the key.
    """
    known = ("seed", *GROUPS, TRACKING)
    for key in config:
        if key not in (*known, GROUPS_KEY):
            raise ConfigError(
                f"there is no configuration key '{key}'",
                hint=f"The keys are: {', '.join(known)}.",
            )
    try:
        seed = TypeAdapter(int).validate_python(config["seed"])
    except ValidationError as error:
        raise _invalid(error, "seed") from error
    strategies = {group: build_strategy(group, config.get(group)) for group in GROUPS}
    return {"seed": seed, GROUPS_KEY: config[GROUPS_KEY], **strategies}


def build_strategy(group: str, settings: Any) -> Any:
    """Make the strategy of one group; see `build`."""
    if not isinstance(settings, dict) or "_target_" not in settings:
        raise ConfigError(
            f"{group}: nothing is chosen", hint=f"Choose one: {group}=OPTION; see `karl config`."
        )
    try:
        _check_keys(group, settings)
        return instantiate(settings, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValidationError):
            nested = str(error).partition("full_key: ")[2].strip()
            raise _invalid(cause, f"{group}.{nested}" if nested else group) from error
        raise ConfigError(f"{group}: {str(error).splitlines()[0]}") from error


def _check_keys(key: str, settings: dict[str, Any]) -> None:
    """Refuse what a strategy has no field for, which pydantic would pass over."""
    if "_target_" in settings:
        module, _, name = str(settings["_target_"]).rpartition(".")
        try:
            strategy = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"{key}._target_: '{settings['_target_']}' cannot be imported: {error}",
                hint="Is its folder on the Python path? PYTHONPATH=FOLDER karl …",
            ) from error
        known = [field.name for field in fields(strategy)] if is_dataclass(strategy) else settings
        unknown = [name for name in settings if name not in (*known, "_target_")]
        if unknown:
            raise ConfigError(
                f"there is no configuration key '{key}.{unknown[0]}'",
                hint=f"'{key}' has: {', '.join(known)}.",
            )
    for name, value in settings.items():
        if isinstance(value, dict):
            _check_keys(f"{key}.{name}", value)


def _invalid(error: ValidationError, key: str) -> ConfigError:
    problems = []
    for detail in error.errors():
        path = ".".join([key, *(str(part) for part in detail["loc"])])
        message = detail["msg"].removeprefix("Value error, ")
        given = "" if detail["type"] == "value_error" else f", not {detail['input']!r}"
        problems.append(f"{path}: {message}{given}")
    return ConfigError("\n".join(problems), hint="`karl config` prints every key with its value.")
