"""A configuration, turned into the strategies it names."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from karl.config.compose import GROUPS_KEY
from karl.config.settings import Budget
from karl.config.targets import TARGET, check_targets, strategy_class
from karl.errors import ConfigError

if TYPE_CHECKING:
    from karl.annotators import Annotator
    from karl.candidates import Candidates
    from karl.categories import Categories
    from karl.classifiers import Classifier
    from karl.consensus import Consensus
    from karl.datasets import Cards, DatasetSource
    from karl.datasets.splits import SplitRule
    from karl.encoders import Encoder
    from karl.features import PairFeatures
    from karl.samplers import Sampler
    from karl.tracking import Tracker

__all__ = ["Experiment", "build", "build_strategy"]


@dataclass(frozen=True, eq=False)
class Experiment:
    """One strategy of every kind, a budget and a seed.

    The fields are the groups of the configuration; `choices` tells which
    option of each group was chosen.
    """

    seed: int
    data: DatasetSource
    cards: Cards
    split: SplitRule
    encoder: Encoder
    categories: Categories
    features: PairFeatures
    classifier: Classifier
    candidates: Candidates
    sampler: Sampler
    llm: Annotator
    consensus: Consensus
    budget: Budget
    tracking: Tracker
    choices: dict[str, str]


def build(config: dict[str, Any], config_dir: Path | None = None) -> Experiment:
    """Make the strategies of a composed configuration.

    Parameters
    ----------
    config : dict
        What `compose_config` returned, or a run's `config.yaml`.
    config_dir : Path, optional
        With groups of the user's own.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        If a value has the wrong type or is out of range, or a strategy is none of
        its group's; it names the key.
    """
    known = [field.name for field in fields(Experiment)]
    for key in config:
        if key not in known:
            raise ConfigError(
                f"there is no configuration key '{key}'",
                hint=f"The keys are: {', '.join(k for k in known if k != GROUPS_KEY)}.",
            )
    groups = [field.name for field in fields(Experiment) if field.name not in ("seed", GROUPS_KEY)]
    try:
        seed = TypeAdapter(int).validate_python(config["seed"])
    except ValidationError as error:
        raise _invalid(error, "seed") from error
    for group in groups:  # all of them before the first is imported
        check_targets(group, config.get(group), config_dir)
    strategies = {group: build_strategy(group, config.get(group), config_dir) for group in groups}
    return Experiment(seed=seed, choices=config[GROUPS_KEY], **strategies)


def build_strategy(group: str, settings: Any, config_dir: Path | None = None) -> Any:
    """Make the strategy of one group; see `build`."""
    if not isinstance(settings, dict) or TARGET not in settings:
        raise ConfigError(
            f"{group}: nothing is chosen", hint=f"Choose one: {group}=OPTION; see `karl config`."
        )
    check_targets(group, settings, config_dir)
    _check_keys(group, settings)
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


def _check_keys(key: str, settings: Any) -> None:
    """Refuse what a strategy has no field for, which pydantic would pass over."""
    if isinstance(settings, list):
        for number, value in enumerate(settings):
            _check_keys(f"{key}.{number}", value)
    if not isinstance(settings, dict):
        return
    if TARGET in settings:
        strategy: Any = strategy_class(f"{key}.{TARGET}", settings[TARGET])
        known = [field.name for field in fields(strategy)]
        unknown = [name for name in settings if name not in (*known, TARGET)]
        if unknown:
            raise ConfigError(
                f"there is no configuration key '{key}.{unknown[0]}'",
                hint=f"'{key}' has: {', '.join(known)}.",
            )
    for name, value in settings.items():
        _check_keys(f"{key}.{name}", value)


def _invalid(error: ValidationError, key: str) -> ConfigError:
    problems = []
    for detail in error.errors():
        path = ".".join([key, *(str(part) for part in detail["loc"])])
        message = detail["msg"].removeprefix("Value error, ")
        given = "" if detail["type"] == "value_error" else f", not {detail['input']!r}"
        problems.append(f"{path}: {message}{given}")
    return ConfigError("\n".join(problems), hint="`karl config` prints every key with its value.")
