"""What `karl tune` searches, read from overrides in Hydra's grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)

from karl.config.compose import parse_overrides
from karl.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Distributions", "search_space"]

Distributions = Mapping[str, "BaseDistribution"]

_HINT = (
    "Such as: features.price=true,false classifier.n_members=range(5,30,5) "
    "'classifier.tuning.trials=int(interval(5,40))' 'KEY=tag(log,interval(1e-6,1e-2))'"
)


def search_space(overrides: Sequence[str]) -> tuple[list[str], dict[str, BaseDistribution]]:
    """Divide overrides into fixed ones and those to be searched.

    Parameters
    ----------
    overrides : sequence of str
        `KEY=interval(a,b)`, `KEY=int(interval(a,b))`, `KEY=tag(log,interval(a,b))`,
        `KEY=range(a,b,step)` and `KEY=a,b,c` are searched.

    Returns
    -------
    list of str
        Overrides with one value.
    dict of str to BaseDistribution
        Optuna's distribution of each key.

    Raises
    ------
    ConfigError
        If there is nothing to search, or a distribution is impossible.
    """
    fixed: list[str] = []
    space: dict[str, BaseDistribution] = {}
    for item in parse_overrides(overrides):
        if not item.is_sweep_override():
            fixed.append(str(item.input_line))
            continue
        try:
            space[item.get_key_element()] = _distribution(item)
        except ValueError as error:
            raise ConfigError(f"{item.input_line}: {error}", hint=_HINT) from error
    if not space:
        raise ConfigError("there is nothing to search", hint=_HINT)
    return fixed, space


def _distribution(override: Override) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    sweep: Any = override.value()
    if isinstance(sweep, IntervalSweep):
        log = "log" in sweep.tags
        low, high = sweep.start, sweep.end
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        if low is not None and high is not None:
            return FloatDistribution(float(low), float(high), log=log)
    values = sweep.range() if isinstance(sweep, RangeSweep) else None
    if isinstance(values, range):
        if not values:
            raise ValueError("the range is empty")
        return IntDistribution(min(values), max(values), step=abs(values.step))
    if isinstance(sweep, (ChoiceSweep, RangeSweep)):
        choices: Any = list(override.sweep_iterator(transformer=Transformer.encode))
        return CategoricalDistribution(choices)
    raise ValueError("this kind of values cannot be searched")
