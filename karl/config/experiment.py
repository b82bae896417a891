"""A configuration, turned into the strategies it names."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from karl.config.complete import completed, completed_strategy
from karl.config.compose import GROUPS_KEY
from karl.config.settings import Budget
from karl.config.targets import TARGET, strategy_class
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
    groups = {key: value for key, value in config.items() if key != GROUPS_KEY}
    whole = completed(groups, config_dir)
    try:
        seed = TypeAdapter(int).validate_python(whole.pop("seed"))
    except ValidationError as error:
        raise _invalid(error, "seed") from error
    wanted = [field.name for field in fields(Experiment) if field.name not in ("seed", GROUPS_KEY)]
    strategies = {group: _strategy(group, whole.get(group)) for group in wanted}
    return Experiment(seed=seed, choices=config[GROUPS_KEY], **strategies)


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
