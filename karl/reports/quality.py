"""The quality of labels as tables for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from karl.consensus.base import Level
from karl.labels import RELATION_NAMES, FunctionLabel

__all__ = ["Quality", "confusion_table", "quality_markdown", "quality_table"]

Quality = Mapping[str, Any]
"""A `LabelQuality` as `dataclasses.asdict` gives it, or JSON that was made of that."""

_Show = Callable[[Quality], str]
_Cell = Callable[[Any], str]

_UNKNOWN: Final = "–"
_NOTES: Final = (
    "[low–high]: bootstrap 95 % interval over the pairs",
    "two people: mean macro-F1 between two human annotators on the same pairs",
    "kappa: Fleiss' kappa between the votes",
)
_SWAP_NOTE: Final = "swapped: asked with the items in the other order; repeated: in the same"
_TITLE: Final = "Quality of labels, measured on pairs with a human label"
# What an estimate takes; three columns of it leave 22 of 80 for the names of the rows.
_COLUMN_WIDTH: Final = len("0.812 [0.77–0.85]")
# Keeps the ten columns of the nine labels apart, and leaves room for larger counts.
_LEAST_COUNT_WIDTH: Final = 3
_FIELD_OF: Final = {"relation": "on_relations", "label": "on_labels"}


def quality_table(columns: Mapping[str, Quality]) -> Table:
    """Lay out the quality of labels, one annotator a column.

    Groups of figures that no annotator has (nine labels, swapped items) are
    left out; a single figure that is not known is a dash. Three annotators fit
    into 80 columns.

    Parameters
    ----------
    columns : mapping of str to Quality
        Quality by the name of the annotator.

    Returns
    -------
    rich.table.Table
    """
    table = _table(_TITLE, "\n".join(_notes(columns)), gap=1)
    for name in columns:
        table.add_column(
            Text(name), justify="right", vertical="bottom", overflow="fold", width=_COLUMN_WIDTH
        )
    for heading, rows in _groups(columns).items():
        table.add_row(Text(heading, style="bold"))
        for what, show in rows.items():
            table.add_row(f"  {what}", *map(show, columns.values()))
    return table


def quality_markdown(columns: Mapping[str, Quality]) -> str:
    """Write the rows of `quality_table` as a Markdown table.

    Parameters
    ----------
    columns : mapping of str to Quality
        Quality by the name of the annotator.

    Returns
    -------
    str
        Lines, each with its line break.
    """
    lines = [["", *(_escaped(name) for name in columns)], ["---", *["---:"] * len(columns)]]
    for heading, rows in _groups(columns).items():
        lines.append([f"**{heading}**", *[""] * len(columns)])
        lines += [[what, *map(show, columns.values())] for what, show in rows.items()]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    # A list, for Markdown would join lines.
    return table + "\n" + "".join(f"- {note}\n" for note in _notes(columns))


def confusion_table(quality: Quality, level: Level) -> Table:
    """Lay out how often each human label got which accepted label.

    Parameters
    ----------
    quality : Quality
    level : {"label", "relation"}
        Whether the nine labels or the three relations are compared.

    Returns
    -------
    rich.table.Table
        A row per human label, a column per accepted one, and a last column for
        the pairs that were not accepted. Labels that are nowhere have rows too.

    Raises
    ------
    ValueError
        If there are no human labels of that level.
    """
    found = quality[_FIELD_OF[level]]
    if found is None:
        raise ValueError("no pair has a human label among the nine")
    if level == "relation":
        names = headers = list(RELATION_NAMES)
        title = "Human relation (rows) and accepted relation (columns)"
        caption = None
    else:
        names = [f"{int(label)} {_words(label)}" for label in FunctionLabel]
        headers = [str(int(label)) for label in FunctionLabel]
        title = "Human label (rows) and accepted label (columns)"
        caption = "none: not accepted"
    table = _table(title, caption, gap=0 if level == "label" else 1)
    for header in [*headers, "not accepted" if level == "relation" else "none"]:
        table.add_column(header, justify="right", min_width=_LEAST_COUNT_WIDTH, overflow="fold")
    for row, (name, counts) in enumerate(zip(names, found["confusion"], strict=True)):
        cells = [_cell(count, right=row == column) for column, count in enumerate(counts)]
        table.add_row(name, *cells)
    return table


def _table(title: str, caption: str | None, gap: int) -> Table:
    """Begin a table with its first column, which names the rows."""
    table = Table(
        # Text, for in a plain string rich would take brackets for markup.
        title=Text(title, style="bold"),
        caption=None if caption is None else Text(caption),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, gap),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("", no_wrap=True)
    return table


def _notes(columns: Mapping[str, Quality]) -> list[str]:
    return [*_NOTES, *([_SWAP_NOTE] if _any_has(columns, "swapped") else [])]


def _groups(columns: Mapping[str, Quality]) -> dict[str, dict[str, _Show]]:
    """Return what is shown, by group; the groups that somebody has."""
    groups: dict[str, dict[str, _Show]] = {
        "Pairs": {
            "with a human label": _field("n_pairs", _number),
            "votes on each": _field("n_votes", _number),
            "accepted": lambda quality: _accepted(quality, quality["acceptance"]),
        },
        "Three relations": _level_rows("on_relations"),
    }
    if _any_has(columns, "on_labels"):
        groups["Nine labels"] = {
            "pairs labelled": _part("on_labels", "n_pairs", _number),
            "accepted": lambda quality: _accepted_labels(quality["on_labels"]),
            **_level_rows("on_labels"),
        }
    groups["Agreement of votes"] = {
        "kappa, relations": _field("kappa_relations", _score),
        "kappa, labels": _field("kappa_labels", _score),
        "unanimous, relations": _field("unanimous_relations", _share),
        "unanimous, labels": _field("unanimous_labels", _share),
        "invalid votes": _field("invalid", _share),
    }
    if _any_has(columns, "swapped"):
        groups["Same answer again"] = {
            "pairs": _part("swapped", "n_pairs", _number),
            "relation, swapped": _part("swapped", "relations", _share),
            "relation, repeated": _part("swapped", "repeated_relations", _share),
            "label, swapped": _part("swapped", "labels", _share),
            "label, repeated": _part("swapped", "repeated_labels", _share),
        }
    groups["Cost"] = {
        "calls": _field("calls", _number),
        "tokens in": _field("tokens_in", _number),
        "tokens out": _field("tokens_out", _number),
        "USD": _field("cost_usd", _dollars),
        "USD, 1,000 accepted": _field("cost_per_accepted_usd", lambda usd: _dollars(1000 * usd)),
    }
    return groups


def _level_rows(level: str) -> dict[str, _Show]:
    return {
        "accuracy, accepted": _part(level, "accuracy", _estimate),
        "accuracy, first vote": _part(level, "first_accuracy", _estimate),
        "macro-F1, accepted": _part(level, "macro_f1", _estimate),
        "macro-F1, first vote": _part(level, "first_macro_f1", _estimate),
        "macro-F1, two people": _part(level, "human_macro_f1", _score),
    }


def _any_has(columns: Mapping[str, Quality], name: str) -> bool:
    return any(quality[name] is not None for quality in columns.values())


def _field(name: str, show: _Cell) -> _Show:
    """Show a figure, or that it is not known."""
    return lambda quality: _UNKNOWN if quality[name] is None else show(quality[name])


def _part(part: str, name: str, show: _Cell) -> _Show:
    """Show a figure of a part that may be missing."""
    inner = _field(name, show)
    return lambda quality: _UNKNOWN if quality[part] is None else inner(quality[part])


def _accepted(part: Quality, share: float) -> str:
    return f"{part['n_accepted']:,} ({_share(share)})"


def _accepted_labels(part: Quality | None) -> str:
    return _UNKNOWN if part is None else _accepted(part, part["coverage"])


def _number(value: int) -> str:
    return f"{value:,}"


def _score(value: float) -> str:
    return f"{value:.3f}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _dollars(value: float) -> str:
    return f"{value:,.3f}"


def _estimate(found: Mapping[str, float]) -> str:
    return f"{found['value']:.3f} [{found['low']:.2f}–{found['high']:.2f}]"


def _cell(count: int, *, right: bool) -> Text:
    return Text(f"{count:,}" if count else "·", style="bold" if right else "")


def _words(label: FunctionLabel) -> str:
    return label.name.lower().replace("_", " ")


def _escaped(name: str) -> str:
    return name.replace("|", r"\|")
