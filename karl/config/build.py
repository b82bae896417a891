"""A configuration, turned into the strategies it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from karl.config.complete import completed, completed_strategy
from karl.config.compose import GROUPS_KEY
from karl.config.targets import TARGET, strategy_class
from karl.errors import ConfigError

__all__ = ["GROUPS", "build", "build_strategy"]

GROUPS: Final = (
    *("data", "cards", "split", "encoder", "categories", "features", "classifier"),
    *("candidates", "sampler", "llm", "consensus", "budget"),
)
"""The groups that make an experiment."""

TRACKING: Final = "tracking"
"""The group that chooses who else is told of a run; it is no part of the experiment."""


def build(config: dict[str, Any], config_dir: Path | None = None) -> dict[str, Any]:
    """Make the strategies of a composed configuration, or of a run's `config.yaml`.

    Returns
    -------
    dict
        One strategy for each of `GROUPS`, by its name; `seed`, and `choices`: the option
        that was chosen in each group.

    Raises
    ------
    ConfigError
        If a value has the wrong type or is out of range, or a strategy is none of
        its group's; it names the key.
    """
    groups = {key: value for key, value in config.items() if key != GROUPS_KEY}
    whole = completed(groups, config_dir)
    try:
        seed = TypeAdapter(int).validate_python(whole.pop("seed"))
    except ValidationError as error:
        raise _invalid(error, "seed") from error
    strategies = {group: _strategy(group, whole.get(group)) for group in GROUPS}
    return {"seed": seed, GROUPS_KEY: config[GROUPS_KEY], **strategies}


def build_strategy(group: str, settings: Any, config_dir: Path | None = None) -> Any:
    """Make the strategy of one group; see `build`."""
    return _strategy(group, completed_strategy(group, settings, config_dir))


def _strategy(group: str, settings: Any) -> Any:
    if not isinstance(settings, dict) or TARGET not in settings:
        raise ConfigError(
            f"{group}: nothing is chosen", hint=f"Choose one: {group}=OPTION; see `karl config`."
        )
    return _made(group, settings)


def _made(key: str, settings: Any) -> Any:
    """Return settings with an object for every strategy among them, from the inside out.

    Only `_target_` has a meaning here: whatever else stands there is a plain value.
    """
    if isinstance(settings, list):
        return [_made(f"{key}.{number}", value) for number, value in enumerate(settings)]
    if not isinstance(settings, dict):
        return settings
    values = {name: _made(f"{key}.{name}", v) for name, v in settings.items() if name != TARGET}
    if TARGET not in settings:
        return values
    try:
        return strategy_class(f"{key}.{TARGET}", settings[TARGET])(**values)
    except ValidationError as error:
        raise _invalid(error, key) from error
    except (TypeError, ValueError) as error:  # a dataclass that is none of pydantic's
        raise ConfigError(f"{key}: {error}") from error


def _invalid(error: ValidationError, key: str) -> ConfigError:
    problems = []
    for detail in error.errors():
        path = ".".join([key, *(str(part) for part in detail["loc"])])
        message = detail["msg"].removeprefix("Value error, ")
        given = "" if detail["type"] == "value_error" else f", not {detail['input']!r}"
        problems.append(f"{path}: {message}{given}")
    return ConfigError("\n".join(problems), hint="`karl config` prints every key with its value.")
