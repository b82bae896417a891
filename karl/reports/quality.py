"""Tables of the quality of labels: annotators side by side, and what they take for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from karl.evaluation.statistics import Interval
from karl.labels import RELATION_NAMES
from karl.reports.numbers import count, money, score, share
from karl.reports.table import Column, Table

__all__ = ["Quality", "confusion_table", "quality_table"]

Quality = Mapping[str, Any]
"""A `LabelQuality` as `dataclasses.asdict` gives it, or JSON that was made of that."""

_NOTE: Final = (
    "Brackets hold the bootstrap 95 % interval over the pairs. Two people: mean macro-F1 between "
    "two human annotators on the same pairs. Kappa: Fleiss' kappa between the votes."
)
_SWAP_NOTE: Final = " Swapped: asked with the items in the other order; repeated: in the same."

# Which figures are shown, by group: their key, a dot between a part of `LabelQuality` and a
# figure of it, what it is called, and how it is written.
_Shown = tuple[str, str, Callable[[Any], str]]


def _of_level(part: str) -> tuple[_Shown, ...]:
    return (
        (f"{part}.accuracy", "accuracy, accepted", score),
        (f"{part}.first_accuracy", "accuracy, first vote", score),
        (f"{part}.macro_f1", "macro-F1, accepted", score),
        (f"{part}.first_macro_f1", "macro-F1, first vote", score),
        (f"{part}.human_macro_f1", "macro-F1, two people", score),
    )


_GROUPS: Final[Mapping[str, tuple[_Shown, ...]]] = {
    "Pairs": (
        ("n_pairs", "with a human label", count),
        ("n_votes", "votes on each", count),
        ("n_accepted", "accepted", count),
        ("acceptance", "share accepted", share),
    ),
    "Three relations": _of_level("on_relations"),
    "Nine labels": (
        ("on_labels.n_pairs", "pairs labelled", count),
        ("on_labels.n_accepted", "accepted", count),
        ("on_labels.coverage", "share accepted", share),
        *_of_level("on_labels"),
    ),
    "Agreement of votes": (
        ("kappa_relations", "kappa, relations", score),
        ("kappa_labels", "kappa, labels", score),
        ("unanimous_relations", "unanimous, relations", share),
        ("unanimous_labels", "unanimous, labels", share),
        ("invalid", "invalid votes", share),
    ),
    "Same answer again": (
        ("swapped.n_pairs", "pairs", count),
        ("swapped.relations", "relation, swapped", share),
        ("swapped.repeated_relations", "relation, repeated", share),
        ("swapped.labels", "label, swapped", share),
        ("swapped.repeated_labels", "label, repeated", share),
    ),
    "Cost": (
        ("calls", "calls", count),
        ("tokens_in", "tokens in", count),
        ("tokens_out", "tokens out", count),
        ("cost_usd", "USD", money),
        ("cost_per_accepted_usd", "USD, 1,000 accepted", lambda usd: money(1000 * usd)),
    ),
}


def quality_table(found: Mapping[str, Quality]) -> Table:
    """Set annotators, or the strategies they label for, side by side by name, one a column.

    Groups of figures that no annotator has (nine labels, swapped items) are
    left out; a single figure that is not known is a dash.
    """
    lacking = {
        part
        for part in ("on_labels", "swapped")
        if all(quality[part] is None for quality in found.values())
    }
    columns = [
        Column(key, name, show, group=group)
        for group, shown in _GROUPS.items()
        for key, name, show in shown
        if key.partition(".")[0] not in lacking
    ]
    rows = [
        {"annotator": name} | {column.key: _value(quality, column.key) for column in columns}
        for name, quality in found.items()
    ]
    return Table(
        "quality",
        "Quality of labels, measured on pairs with a human label",
        _NOTE + ("" if "swapped" in lacking else _SWAP_NOTE),
        rows,
        (Column("annotator", "", right=False), *columns),
        turned=True,
    )


def _value(quality: Quality, key: str) -> Any:
    part, _, name = key.rpartition(".")
    of_part = quality[part] if part else quality
    value = None if of_part is None else of_part[name]
    return Interval(**value) if isinstance(value, Mapping) else value


def confusion_table(quality: Quality) -> Table:
    """Show how often each human relation got which accepted relation.

    A row per human relation, a column per accepted one, and a last column for
    the pairs that were not accepted.
    """
    names = (*RELATION_NAMES, "not accepted")
    rows = [
        {"truth": truth} | dict(zip(names, counts, strict=True))
        for truth, counts in zip(RELATION_NAMES, quality["on_relations"]["confusion"], strict=True)
    ]
    return Table(
        "quality_confusion",
        "Human relation (rows) and accepted relation (columns)",
        "",
        rows,
        (
            Column("truth", "", right=False),
            *(Column(name, name, lambda n: f"{n:,}" if n else "·") for name in names),
        ),
    )
