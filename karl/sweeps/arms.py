"""Which strategy a run stands for, told by what it does not share with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from karl.config.compose import GROUPS_KEY, flatten
from karl.runs.changes import is_changeable

__all__ = ["arm_labels"]

# Runs of one strategy differ in these.
_REPEATS: Final = ("seed", "split.fold")
# These may change during a run, and yet may be what is compared.
_COMPARED: Final = ("budget.labels", "budget.usd", "budget.calls", "budget.tokens")
# Options of these groups choose options of others, so they come first.
_FIRST: Final = tuple(f"{GROUPS_KEY}.{group}" for group in ("sampler", "data", "cards", "llm"))


def arm_labels(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the strategy ("arm") of every run in a few words, from its configuration.

    That is the sampler, then every option or key that tells strategies apart, such as
    `margin, cards=recorded`. What follows from another option is left out: `cards=recorded`
    chooses an encoder too. Folds and seeds do not count.
    """
    flat = [flatten(dict(config)) for config in configs]
    telling: list[str] = []
    groups = _partition(flat, telling)
    for key in _keys(flat):
        finer = _partition(flat, [*telling, key])
        if len(finer) > len(groups):
            telling.append(key)
            groups = finer
    return [_label(values, telling) for values in flat]


def _keys(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that strategies may differ in, the most telling first."""
    found = dict.fromkeys(key for values in flat for key in values)
    usable = [
        key for key in found if key not in _REPEATS and (key in _COMPARED or not is_changeable(key))
    ]
    choices = [key for key in usable if key.startswith(f"{GROUPS_KEY}.") and key not in _FIRST]
    return list(dict.fromkeys([*_FIRST, *choices, *usable]))


def _partition(flat: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(repr(values.get(key)) for key in keys) for values in flat}


def _label(values: Mapping[str, Any], telling: Sequence[str]) -> str:
    sampler = _FIRST[0]
    others = [
        f"{key.removeprefix(f'{GROUPS_KEY}.')}={values.get(key)}"
        for key in telling
        if key != sampler
    ]
    return ", ".join([str(values.get(sampler)), *others])
