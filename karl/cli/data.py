"""`karl data`: see, bring in and check data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from karl.datasets.library import Stored
    from karl.evaluation.describe import Description, RecordedVotes, SetDescription

__all__ = ["app"]

app = typer.Typer(
    help="See, download, import and check data sets.", no_args_is_help=True, add_completion=False
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FOLDER", help="demo, fbl, an imported data set, or a folder of tables."
    ),
]


@app.command("list")
def list_data() -> None:
    """List the data sets that can be named, and where they are."""
    from karl.datasets.library import entries

    table = _table("data set", "kind", "state", "folder")
    for entry in entries():
        state = "[green]ready[/]" if entry.ready else "[yellow]not here: karl data get fbl[/]"
        table.add_row(entry.name, entry.kind, state, str(entry.folder or "–"))
    _print(table)


@app.command()
def get(name: Annotated[str, typer.Argument(help="fbl, the only one that is downloaded.")]) -> None:
    """Download a data set, verify it, and keep it in karl's folder."""
    from karl.datasets import library

    _print_stored(library.get(name))
    _print("The FBL data set carries no licence: use it, but do not pass it on.")


@app.command("import")
def import_data(
    name: Annotated[str, typer.Argument(help="What to call it; fbl for the FBL files.")],
    from_dir: Annotated[
        Path, typer.Option("--from", metavar="DIR", help="The folder that holds its files.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace an imported data set of that name.")
    ] = False,
) -> None:
    """Check a folder of tables and copy it into karl's folder."""
    from karl.datasets import library

    _print_stored(library.import_data(name, from_dir, force=force))


@app.command()
def check(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FOLDER]", help="By default every data set that is here."),
    ] = None,
) -> None:
    """Read a data set by every rule and count what was found."""
    from karl.datasets import library
    from karl.evaluation.describe import describe

    names = [name] if name else [entry.name for entry in library.entries() if entry.ready]
    for each in names:
        found = describe(library.source_of(each).load())
        _print(f"[green]✓[/] [bold]{found.name}[/]: {found.items:,} items")
        _print(_pairs_table(found), _notes_table(found))


@app.command("describe")
def describe_data(name: Name) -> None:
    """Show what a data set holds: items, labels, how far annotators agree."""
    from karl.datasets.library import source_of
    from karl.evaluation.describe import describe

    found = describe(source_of(name).load())
    _print(f"[bold]{found.name}[/]", _catalogue_table(found), _pairs_table(found))
    if any(part.labels for part in found.sets.values()):
        _print(_labels_table(found))
    if any(part.annotated for part in found.sets.values()):
        _print(_agreement_table(found))
    _print(_notes_table(found))
    if found.recorded is not None:
        _print(_recorded_table(found.recorded))


def _catalogue_table(found: Description) -> Table:
    table = _facts("catalogue")
    table.add_row("items", f"{found.items:,}")
    table.add_row("columns", ", ".join(found.columns))
    table.add_row("major categories", _number(found.major_categories))
    table.add_row("fine categories", _number(found.fine_categories))
    prices = "–" if found.prices is None else f"{found.prices[0]:,g} to {found.prices[1]:,g}"
    table.add_row("prices", prices)
    table.add_row("item cards", "yes" if found.has_cards else "no")
    table.add_row("oracle labels", "yes" if found.has_oracle else "no")
    return table


def _pairs_table(found: Description) -> Table:
    rows: dict[str, Callable[[SetDescription], str]] = {
        "pairs": lambda part: f"{part.pairs:,}",
        "different items": lambda part: f"{part.items:,}",
        "complementary": lambda part: _share(part.relations["complementary"], part.pairs),
        "substitute": lambda part: _share(part.relations["substitute"], part.pairs),
        "unrelated": lambda part: _share(part.relations["unrelated"], part.pairs),
        "repeated in either order": lambda part: f"{part.repeated_unordered_pairs:,}",
        "of these another relation": lambda part: f"{part.conflicts:,}",
    }
    return _by_set("labelled pairs", found, rows)


def _labels_table(found: Description) -> Table:
    from karl.labels import FunctionLabel

    sets = {name: part for name, part in found.sets.items() if part.labels}
    table = _table("label", "meaning", *sets, numbers_from=2)
    for label in FunctionLabel:
        counts = [_share(part.labels[int(label)], part.pairs) for part in sets.values()]
        table.add_row(str(int(label)), label.wording, *counts)
    return table


def _agreement_table(found: Description) -> Table:
    rows: dict[str, Callable[[SetDescription], str]] = {
        "pairs asked about": lambda part: f"{part.annotated:,}",
        "Fleiss' kappa, 3 relations": lambda part: _score(part.on_relations.kappa),
        "macro-F1, 3 relations": lambda part: _score(part.on_relations.macro_f1),
        "Fleiss' kappa, 9 labels": lambda part: _score(part.on_labels.kappa),
        "macro-F1, 9 labels": lambda part: _score(part.on_labels.macro_f1),
    }
    return _by_set("agreement of annotators", found, rows)


def _notes_table(found: Description) -> Table:
    table = _table("as read from the files", *found.sets)
    for what in dict.fromkeys(what for part in found.sets.values() for what in part.notes):
        counts = (_number(part.notes.get(what)) for part in found.sets.values())
        table.add_row(what.replace("_", " "), *counts)
    return table


def _recorded_table(votes: RecordedVotes) -> Table:
    table = _facts("recorded LLM votes")
    table.add_row("pairs", f"{votes.pairs:,}, {votes.votes_per_pair} votes each")
    table.add_row("unanimous on 9 labels", f"{votes.unanimous_labels:.1%}")
    table.add_row("unanimous on 3 relations", f"{votes.unanimous_relations:.1%}")
    mix = ", ".join(f"{count:,} {name}" for name, count in votes.relations.items())
    table.add_row("relations of the unanimous (9)", mix)
    return table


def _print_stored(stored: Stored) -> None:
    table = _table("file", "state", numbers_from=2)
    for file, state in stored.files.items():
        table.add_row(file, state)
    _print(f"[bold]{stored.name}[/] is in {stored.folder}", table)


def _table(first: str, *others: str, numbers_from: int = 1) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for position, heading in enumerate((first, *others)):
        table.add_column(heading, justify="right" if position >= numbers_from else "left")
    return table


def _by_set(
    title: str, found: Description, rows: Mapping[str, Callable[[SetDescription], str]]
) -> Table:
    """Lay out facts as rows with a column per set of labelled pairs."""
    table = _table(title, *found.sets)
    for fact, value in rows.items():
        table.add_row(fact, *map(value, found.sets.values()))
    return table


def _facts(title: str) -> Table:
    return _table(title, "", numbers_from=2)


def _print(*parts: RenderableType) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in parts:
        console.print(part)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.0%})" if total else f"{count:,}"
