"""A configuration, turned into the strategies it names."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pydantic import TypeAdapter, ValidationError

from karl.config.compose import GROUPS_KEY
from karl.config.settings import Budget
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

__all__ = ["Experiment", "build"]


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
    choices: dict[str, str]


def build(config: dict[str, Any]) -> Experiment:
    """Make the strategies of a composed configuration.

    Parameters
    ----------
    config : dict
        What `compose_config` returned, or a run's `config.yaml`.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        If a value has the wrong type or is out of range; it names the key.
    """
    groups = [field.name for field in fields(Experiment) if field.name not in ("seed", GROUPS_KEY)]
    try:
        seed = TypeAdapter(int).validate_python(config["seed"])
    except ValidationError as error:
        raise _invalid(error, "seed") from error
    strategies = {group: _strategy(group, config[group]) for group in groups}
    return Experiment(seed=seed, choices=config[GROUPS_KEY], **strategies)


def _strategy(group: str, settings: dict[str, Any]) -> Any:
    try:
        return instantiate(settings, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValidationError):
            nested = str(error).partition("full_key: ")[2].strip()
            raise _invalid(cause, f"{group}.{nested}" if nested else group) from error
        raise ConfigError(f"{group}: {str(error).splitlines()[0]}") from error


def _invalid(error: ValidationError, key: str) -> ConfigError:
    problems = []
    for detail in error.errors():
        path = ".".join([key, *(str(part) for part in detail["loc"])])
        message = detail["msg"].removeprefix("Value error, ")
        given = "" if detail["type"] == "value_error" else f", not {detail['input']!r}"
        problems.append(f"{path}: {message}{given}")
    return ConfigError("\n".join(problems), hint="`karl config` prints every key with its value.")
