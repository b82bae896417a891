"""What earlier versions called things, so that the runs they made can still be read.

Nothing that has moved or gone makes another run of an old one: hashes are taken
of the names that classes had first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from karl.config.targets import TARGET

__all__ = ["ALIASES", "first_named", "in_present_terms"]

ALIASES: Final = {
    "karl.datasets.cards.NoCards": "karl.cards.none.NoCards",
    "karl.datasets.cards.RecordedCards": "karl.cards.recorded.RecordedCards",
    "karl.datasets.demo.source.Demo": "karl.demo.source.Demo",
    "karl.datasets.validation.ValidationSplit": "karl.datasets.splits.ValidationSplit",
    "karl.enrichment.cards.LLMCards": "karl.cards.llm.LLMCards",
}
"""Targets of earlier versions, which runs made by these name, and what they are called now."""

# Of 0.1.0, which sent requests in batches too: the two came together, in these groups.
_BATCH_KEYS: Final = frozenset({"batch", "batch_poll_s"})
_ASKING_GROUPS: Final = ("llm", "cards")


def in_present_terms(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a run as the present version would have written it."""
    present: dict[str, Any] = _translated(dict(config), ALIASES)
    for group in _ASKING_GROUPS:
        settings = present.get(group)
        if isinstance(settings, dict) and settings.keys() >= _BATCH_KEYS:
            present[group] = {k: v for k, v in settings.items() if k not in _BATCH_KEYS}
    return present


def first_named(settings: Any) -> Any:
    """Return settings in which targets have the names that they had first."""
    return _translated(settings, {present: first for first, present in ALIASES.items()})


def _translated(settings: Any, names: Mapping[str, str]) -> Any:
    if isinstance(settings, dict):
        new = {key: _translated(value, names) for key, value in settings.items()}
        if isinstance(new.get(TARGET), str):
            new[TARGET] = names.get(new[TARGET], new[TARGET])
        return new
    if isinstance(settings, list):
        return [_translated(value, names) for value in settings]
    return settings
